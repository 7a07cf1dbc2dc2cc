/** What a klusterlet is told that asks for a name which another one has. */
export function nameTaken(cluster: string): string {
  return (
    `the cluster name ${JSON.stringify(cluster)} is already joined by another key; choose another name with --name, ` +
    `or let it join again with a token of "hub token create --cluster ${cluster}"`
  );
}
