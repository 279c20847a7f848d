import { useEffect, useRef, useState } from 'preact/hooks';
import { useStream } from './hooks.js';
import { fitting, type Size } from './layout.js';
import type { TileView } from './types.js';

/** A picture that stands still (a shared page) is shown after one new frame and this many milliseconds. */
const patience = 300;
/** Seconds of play after which whatever is drawn is new, where frames are not told. */
const surely = 1;

/**
 * True once frames have been drawn that came after the picture was declared live. Until then the element may
 * hold the last frame of whoever had the seat before, so it stays covered.
 */
function useFresh(video: HTMLVideoElement | null, stream: MediaStream | null, live: boolean): boolean {
  const [fresh, setFresh] = useState(false);
  useEffect(() => {
    setFresh(false);
    if (!video || !stream || !live) return;
    const end = new AbortController();
    const began = video.currentTime;
    const show = () => {
      setFresh(true);
      end.abort();
    };
    const onTime = () => {
      if (video.videoWidth > 0 && video.currentTime - began >= surely) show();
    };
    video.addEventListener('timeupdate', onTime, { signal: end.signal });
    if ('requestVideoFrameCallback' in video) afterFrames(video, show, end.signal);
    return () => end.abort();
  }, [video, stream, live]);
  return fresh;
}

/** Calls back after the second new frame, or soon after the first one if no other follows. */
function afterFrames(video: HTMLVideoElement, show: () => void, signal: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let handle = video.requestVideoFrameCallback(() => {
    timer = setTimeout(show, patience);
    handle = video.requestVideoFrameCallback(show);
  });
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    video.cancelVideoFrameCallback(handle);
  });
}

/** Width and height of what is played, as it changes. */
function usePictureSize(video: HTMLVideoElement | null): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    if (!video) return;
    const update = () => setSize({ width: video.videoWidth, height: video.videoHeight });
    update();
    video.addEventListener('resize', update);
    video.addEventListener('loadedmetadata', update);
    return () => {
      video.removeEventListener('resize', update);
      video.removeEventListener('loadedmetadata', update);
    };
  }, [video]);
  return size;
}

/** What makes no sound may always play. */
function playSilently(element: HTMLMediaElement): void {
  element.play().catch(() => undefined);
}

interface PictureProps {
  readonly tile: TileView;
  readonly size: Size;
  /** See {@link fitting}. */
  readonly sides: number;
  onFresh(fresh: boolean): void;
}

/** The silent picture of one tile. It belongs to one stream for its whole life: see its key in VideoTile. */
export function Picture({ tile, size, sides, onFresh }: PictureProps) {
  const ref = useRef<HTMLVideoElement>(null);
  const [video, setVideo] = useState<HTMLVideoElement | null>(null);
  const { stream } = tile;
  useEffect(() => setVideo(ref.current), []);
  useStream(ref, stream, playSilently);
  const fresh = useFresh(video, stream, tile.video === 'live');
  useEffect(() => onFresh(fresh), [fresh, onFresh]);
  const picture = usePictureSize(video);
  const how = tile.kind === 'screen' ? 'contain' : fitting(picture, size, sides);
  return (
    <video
      ref={ref}
      class="st-picture"
      data-fit={how}
      data-mirrored={tile.mirrored}
      data-shown={fresh}
      autoplay
      playsInline
      muted
      disablePictureInPicture={tile.isLocal}
      aria-hidden="true"
      tabIndex={-1}
    />
  );
}
