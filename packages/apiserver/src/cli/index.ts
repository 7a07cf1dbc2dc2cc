export { addBackupCommands, type BackupCommandsContext } from './backup-commands.js';
export { addServerOptions, type ServerFlags } from './server-options.js';
export { addStorageOptions, type StorageFlags } from './storage-options.js';
