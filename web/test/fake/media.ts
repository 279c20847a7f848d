/** Tracks and streams without devices. */
export class FakeTrack extends EventTarget {
  static all: FakeTrack[] = [];
  enabled = true;
  contentHint = '';
  readyState: 'live' | 'ended' = 'live';
  constructor(
    readonly kind: 'audio' | 'video',
    readonly id: string = `${kind}-${FakeTrack.all.length}`,
  ) {
    super();
    FakeTrack.all.push(this);
  }
  stop(): void {
    this.readyState = 'ended';
  }
  /** Unplugged. */
  end(): void {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
  getSettings(): object {
    return {};
  }
}

export class FakeStream {
  constructor(private tracks: FakeTrack[] = []) {}
  getTracks(): FakeTrack[] {
    return [...this.tracks];
  }
  getAudioTracks(): FakeTrack[] {
    return this.tracks.filter((track) => track.kind === 'audio');
  }
  getVideoTracks(): FakeTrack[] {
    return this.tracks.filter((track) => track.kind === 'video');
  }
  addTrack(track: FakeTrack): void {
    if (!this.tracks.includes(track)) this.tracks.push(track);
  }
  removeTrack(track: FakeTrack): void {
    this.tracks = this.tracks.filter((one) => one !== track);
  }
}
