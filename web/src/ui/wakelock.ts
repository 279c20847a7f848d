import { useEffect } from 'preact/hooks';

/** Keeps the screen on while the component is shown; browsers drop the lock of a hidden page, so it is asked for again. */
export function useWakeLock(): void {
  useEffect(() => {
    const { wakeLock } = navigator as Partial<Navigator>;
    if (!wakeLock) return;
    let lock: WakeLockSentinel | undefined;
    let over = false;
    const ask = async () => {
      if (document.visibilityState !== 'visible') return;
      // Refused in power saving: the conversation does without.
      lock = await wakeLock.request('screen').catch(() => undefined);
      if (over) void lock?.release();
    };
    const onVisible = () => void ask();
    void ask();
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      over = true;
      document.removeEventListener('visibilitychange', onVisible);
      void lock?.release();
    };
  }, []);
}
