export * from './fuzz.js';
export * from './hostile-json.js';
export * from './hostile-texts.js';
