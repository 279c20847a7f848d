import { useComputed } from '@preact/signals';
import type { RefObject } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Wish } from 'veche-client';
import { sameWishes } from './arrange.js';
import type { Size } from './layout.js';
import type { StageModel, TileView } from './types.js';

const nothing: Size = { width: 0, height: 0 };

/** The size of an element's content box, as it changes; `first` until it is measured. */
export function useSize(ref: RefObject<HTMLElement | null>, first = nothing): Size {
  const [size, setSize] = useState<Size>(first);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver((entries) => {
      const box = entries.at(-1)?.contentRect;
      if (!box) return;
      const next = { width: Math.floor(box.width), height: Math.floor(box.height) };
      setSize((now) => (now.width === next.width && now.height === next.height ? now : next));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}

/**
 * Which of the elements with `data-spot` in a box cannot be seen, by that name: scrolled away, or cut off by what the
 * page is in. `spots` are those that are there now.
 */
export function useAway(ref: RefObject<HTMLElement | null>, spots: readonly string[]): ReadonlySet<string> {
  const [away, setAway] = useState<ReadonlySet<string>>(new Set());
  const names = spots.join(' ');
  useEffect(() => {
    const box = ref.current;
    if (!box || !('IntersectionObserver' in globalThis)) return;
    const out = new Set<string>();
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting, boundingClientRect: now } of entries) {
        const name = (target as HTMLElement).dataset.spot ?? '';
        // Without an area it is being drawn for the first time, or the page itself is not shown.
        if (isIntersecting || now.width * now.height === 0) out.delete(name);
        else out.add(name);
      }
      setAway((was) => (was.size === out.size && [...out].every((name) => was.has(name)) ? was : new Set(out)));
    });
    for (const element of box.querySelectorAll('[data-spot]')) observer.observe(element);
    return () => observer.disconnect();
  }, [ref, names]);
  return away;
}

/** The time, once per second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Runs what may take a while; `pending` until it ends. A second run in between is ignored. */
export function useAction(action: () => void | Promise<void>): [run: () => void, pending: boolean] {
  const [pending, setPending] = useState(false);
  const busy = useRef(false);
  const run = useCallback(() => {
    if (busy.current) return;
    const result = action();
    if (!(result instanceof Promise)) return;
    busy.current = true;
    setPending(true);
    const end = () => {
      busy.current = false;
      setPending(false);
    };
    result.then(end, end);
  }, [action]);
  return [run, pending];
}

const wishInterval = 200;

/** Tells the model what is wanted, when it changes, and not more often than it is useful. Null: not known yet. */
export function useWishes(model: StageModel, wanted: readonly Wish[] | null): void {
  const told = useRef<readonly Wish[] | null>(null);
  const toldAt = useRef(0);
  useEffect(() => {
    if (!wanted || (told.current && sameWishes(told.current, wanted))) return;
    const tell = () => {
      told.current = wanted;
      toldAt.current = Date.now();
      model.view(wanted);
    };
    const timer = setTimeout(tell, Math.max(0, toldAt.current + wishInterval - Date.now()));
    return () => clearTimeout(timer);
  }, [model, wanted]);
}

/** Below this a microphone hears a room, not a voice. */
const voice = 0.03;

/** Whether the tile's person speaks now; only what reads it is drawn again. */
export function useSpeaking(model: StageModel, tile: TileView): boolean {
  const { member } = tile;
  const loud = useComputed(() => (model.levels.value.get(member) ?? 0) > voice);
  return loud.value && tile.kind === 'camera' && !tile.micMuted;
}

/**
 * Gives an element its stream and keeps it playing: some browsers stop when all tracks of a stream are replaced,
 * or when headphones go. Nothing is held after the element is gone.
 */
export function useStream(
  ref: RefObject<HTMLMediaElement | null>,
  stream: MediaStream | null,
  play: (element: HTMLMediaElement) => void,
): void {
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const end = new AbortController();
    for (const event of ['canplay', 'pause', 'ended']) {
      element.addEventListener(event, () => play(element), { signal: end.signal });
    }
    element.srcObject = stream;
    play(element);
    return () => {
      end.abort();
      element.pause();
      element.srcObject = null;
    };
  }, [ref, stream, play]);
}

/** Calls `close` on Escape and on a press outside of the element. */
export function useDismiss(ref: RefObject<HTMLElement | null>, open: boolean, close: () => void): void {
  // Before the next key, not after the next frame.
  useLayoutEffect(() => {
    if (!open) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close();
    };
    const onPress = (event: PointerEvent) => {
      if (event.target instanceof Node && !ref.current?.contains(event.target)) close();
    };
    document.addEventListener('keydown', onKey, true);
    document.addEventListener('pointerdown', onPress, true);
    return () => {
      document.removeEventListener('keydown', onKey, true);
      document.removeEventListener('pointerdown', onPress, true);
    };
  }, [ref, open, close]);
}
