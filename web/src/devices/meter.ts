/** How loud a microphone is, for a bar that moves. */
import { type Signal, signal } from '@preact/signals';

const intervalMs = 60;

/** 0 … 1 of a frame of samples in −1 … 1; −60 dB and below is 0, full scale is 1. */
export function loudness(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += (samples[i] ?? 0) ** 2;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  const db = 20 * Math.log10(rms || 1e-9);
  return Math.min(1, Math.max(0, (db + 60) / 60));
}

/** Measures a track until stop is called. The level falls slower than it rises, as the eye likes it. */
export function startMeter(track: MediaStreamTrack): { level: Signal<number>; stop(): void } {
  const level = signal(0);
  const context = new AudioContext();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    if (context.state === 'suspended') void context.resume();
    analyser.getFloatTimeDomainData(samples);
    level.value = Math.max(loudness(samples), level.value - 0.08);
  }, intervalMs);
  return {
    level,
    stop() {
      clearInterval(timer);
      source.disconnect();
      void context.close();
    },
  };
}

/** A short pleasant sound on the chosen loudspeaker. */
export async function playTestSound(speaker: string): Promise<void> {
  const context = new AudioContext();
  if (speaker && 'setSinkId' in context) {
    await (context as AudioContext & { setSinkId(id: string): Promise<void> })
      .setSinkId(speaker)
      .catch(() => undefined);
  }
  const gain = context.createGain();
  gain.connect(context.destination);
  gain.gain.setValueAtTime(0, context.currentTime);
  [523.25, 659.25, 783.99].forEach((frequency, i) => {
    const tone = context.createOscillator();
    const at = context.currentTime + i * 0.18;
    tone.frequency.value = frequency;
    tone.connect(gain);
    gain.gain.linearRampToValueAtTime(0.2, at + 0.03);
    gain.gain.linearRampToValueAtTime(0, at + 0.17);
    tone.start(at);
    tone.stop(at + 0.18);
  });
  setTimeout(() => void context.close(), 1200);
}
