/** Records that these attempts' clips are no longer kept, before they are dropped. */
export async function recordDropped(_attemptIds: string[]): Promise<void> {}
