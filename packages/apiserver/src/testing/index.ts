export {
  type EtcdTestCluster,
  type EtcdTestMember,
  hasEtcd,
  startEtcdCluster,
} from './etcd-servers.js';
export { freePort } from './free-port.js';
