export * from './completion.js';
export * from './completion-scripts.js';
export * from './live-list.js';
export * from './output.js';
export * from './program.js';
export * from './suggestion.js';
export * from './table.js';
export * from './terminal.js';
