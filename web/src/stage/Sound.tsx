import { signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useStream } from './hooks.js';
import { Icon } from './Icon.js';
import type { StageModel, TileView, Translate } from './types.js';

/** Elements that the browser refused to play without a click. */
function createBlocked(model: StageModel) {
  const elements = signal<ReadonlySet<HTMLMediaElement>>(new Set());
  const set = (element: HTMLMediaElement, blocked: boolean) => {
    if (elements.value.has(element) === blocked) return;
    const first = elements.value.size === 0;
    const next = new Set(elements.value);
    if (blocked) next.add(element);
    else next.delete(element);
    elements.value = next;
    if (blocked && first) model.onAutoplayBlocked?.();
  };
  const play = async (element: HTMLMediaElement) => {
    const { srcObject } = element;
    if (!(srcObject instanceof MediaStream) || srcObject.getAudioTracks().length === 0) return;
    try {
      await element.play();
      set(element, false);
    } catch (error) {
      // Anything else (a stream that has ended or changed meanwhile) is not the person's business.
      if (error instanceof DOMException && error.name === 'NotAllowedError') set(element, true);
    }
  };
  return { elements, play, forget: (element: HTMLMediaElement) => set(element, false) };
}

type Blocked = ReturnType<typeof createBlocked>;

/** The sound of everybody else, whether they are seen or not: one element per stream. */
export function Sound({ model, t }: { model: StageModel; t: Translate }) {
  const blocked = useMemo(() => createBlocked(model), [model]);
  const heard = model.tiles.value.filter((tile) => !tile.isLocal && tile.stream !== null);
  return (
    <>
      <div hidden>
        {heard.map((tile) => (
          <Voice key={`${tile.id} ${tile.stream?.id}`} model={model} tile={tile} blocked={blocked} />
        ))}
      </div>
      {blocked.elements.value.size > 0 && (
        <button
          type="button"
          class="st-hear"
          onClick={() => {
            for (const element of blocked.elements.value) void blocked.play(element);
          }}
        >
          <Icon name="sound" />
          {t('stage.hear')}
        </button>
      )}
    </>
  );
}

function Voice({ model, tile, blocked }: { model: StageModel; tile: TileView; blocked: Blocked }) {
  const ref = useRef<HTMLAudioElement>(null);
  const { stream } = tile;
  const speaker = model.devices.chosen.value.speaker;
  useStream(ref, stream, blocked.play);
  // A voice that came after the picture: an element is told of no track that a script adds to its stream.
  const sound = stream?.getAudioTracks()[0];
  useEffect(() => {
    if (sound && ref.current) void blocked.play(ref.current);
  }, [sound, blocked]);
  useEffect(() => {
    const element = ref.current;
    return () => {
      if (element) blocked.forget(element);
    };
  }, [blocked]);
  useEffect(() => {
    const element = ref.current;
    // A speaker that is gone: the sound stays where it was; the device menu shows the choice.
    if (element && 'setSinkId' in element && element.sinkId !== speaker) element.setSinkId(speaker).catch(() => {});
  }, [speaker]);
  return (
    // biome-ignore lint/a11y/useMediaCaption: live speech has no captions yet
    <audio ref={ref} data-voice={tile.id} data-member={tile.member} />
  );
}
