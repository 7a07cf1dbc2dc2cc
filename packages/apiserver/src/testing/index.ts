export {
  type EtcdTestCluster,
  type EtcdTestMember,
  hasEtcd,
  startEtcdCluster,
} from './etcd-servers.js';
