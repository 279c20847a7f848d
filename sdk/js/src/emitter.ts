/** Typed events. A listener that throws does not keep the others from hearing. */
export class Emitter<Events> {
  private listeners = new Map<keyof Events, Set<(event: never) => void>>();
  private closed = false;

  /** Adds a listener; the result removes it. */
  on<K extends keyof Events>(kind: K, listener: (event: Events[K]) => void): () => void {
    const set = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  emit<K extends keyof Events>(kind: K, event: Events[K]): void {
    if (this.closed) return;
    for (const listener of [...(this.listeners.get(kind) ?? [])]) {
      if (this.closed) return; // the one before has left
      try {
        (listener as (event: Events[K]) => void)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Nobody is told anything any more. */
  close(): void {
    this.closed = true;
    this.listeners.clear();
  }
}
