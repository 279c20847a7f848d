/** The sound of a call: made here, soft, and only as long as it rings. */

const patterns = {
  incoming: { tones: [659.25, 783.99, 659.25], gap: 0.16, every: 2600, volume: 0.16 },
  outgoing: { tones: [440], gap: 0.9, every: 4000, volume: 0.06 },
} as const;

export function startRinging(kind: keyof typeof patterns): () => void {
  if (typeof AudioContext !== 'function') return () => undefined;
  const { tones, gap, every, volume } = patterns[kind];
  const context = new AudioContext();
  const gain = context.createGain();
  gain.gain.value = 0;
  gain.connect(context.destination);
  const ring = () => {
    if (context.state !== 'running') return; // the browser wants a click first: the picture tells enough
    tones.forEach((frequency, i) => {
      const at = context.currentTime + i * gap;
      const tone = context.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(gain);
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(volume, at + 0.04);
      gain.gain.linearRampToValueAtTime(0, at + gap);
      tone.start(at);
      tone.stop(at + gap);
    });
  };
  const timer = setInterval(ring, every);
  ring();
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
