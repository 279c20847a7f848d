/** The ICE configuration: the server's list, fetched anew before its credentials grow old. */
import type { ServerFrames } from './protocol.js';

type IceServers = ServerFrames['welcome']['iceServers'];

/** Credentials live for minutes; older ones than this are not used for a new connection (ms). */
const fresh = 90_000;
const fetchTimeout = 2_000;

export class Ice {
  relayOnly = false;
  private servers: RTCIceServer[] = [];
  private at = 0;
  private fetching: Promise<void> | null = null;

  constructor(private readonly fetch: () => Promise<ServerFrames['ok']>) {}

  set(servers: IceServers): void {
    this.servers = servers.map((s) => ({ ...s }));
    this.at = Date.now();
  }

  /** For a new connection or a restart. Old credentials are better than none when the server is away. */
  async config(): Promise<RTCConfiguration> {
    if (Date.now() - this.at > fresh) {
      this.fetching ??= this.refresh().finally(() => {
        this.fetching = null;
      });
      await this.fetching;
    }
    return {
      iceServers: this.servers,
      iceTransportPolicy: this.relayOnly ? 'relay' : 'all',
      // Every client bundles: candidates for one transport are enough.
      bundlePolicy: 'max-bundle',
    };
  }

  private async refresh(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), fetchTimeout);
    });
    try {
      const reply = await Promise.race([this.fetch(), late]);
      if (reply?.iceServers) this.set(reply.iceServers);
    } catch {
      // not connected at the moment
    } finally {
      clearTimeout(timer);
    }
  }
}
