/** A map that drops its oldest entry beyond `limit`. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  constructor(private readonly limit: number) {
    super();
  }

  override set(key: Key, value: Value): this {
    super.set(key, value);
    if (this.size > this.limit) this.delete(this.keys().next().value as Key);
    return this;
  }
}
