/** Maps that remember so many keys: those that were set last. */

/** Sets a key as the latest one; past `maxCount` the one that was set longest ago is forgotten. */
export const setLatest = <K, V>(map: Map<K, V>, key: K, value: V, maxCount: number): void => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= maxCount) return
  const [oldest] = map.keys()
  map.delete(oldest!)
}
