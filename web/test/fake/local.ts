/** Devices that always work, and count how often they are asked. */
import { LocalMedia } from '../../src/devices/media';
import { FakeStream, FakeTrack } from './media';

export function fakeMedia() {
  const state = { asked: 0, refuse: undefined as string | undefined, gate: undefined as Promise<void> | undefined };
  FakeTrack.all = [];
  const devices = {
    async getUserMedia({ audio, video }: { audio: unknown; video: unknown }) {
      state.asked++;
      await state.gate;
      if (state.refuse) throw new DOMException('', state.refuse);
      return new FakeStream([...(audio ? [new FakeTrack('audio')] : []), ...(video ? [new FakeTrack('video')] : [])]);
    },
    enumerateDevices: async () => [],
    addEventListener: () => undefined,
  };
  const media = new LocalMedia({
    secure: true,
    devices: devices as unknown as MediaDevices,
    stream: () => new FakeStream() as unknown as MediaStream,
    speakers: false,
  });
  return { media, state, live: () => FakeTrack.all.filter((track) => track.readyState === 'live') };
}

/** Lets everything that only waits for promises happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}
