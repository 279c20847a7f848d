import { useState } from 'preact/hooks';
import type { Quality } from 'veche-client';
import { useSpeaking } from './hooks.js';
import { Icon } from './Icon.js';
import type { Size } from './layout.js';
import { Picture } from './Picture.js';
import type { Placed } from './place.js';
import { initials, tint } from './text.js';
import type { StageModel, TileView, Translate } from './types.js';
import { pausedWords } from './words.js';

export interface TileProps {
  readonly model: StageModel;
  readonly t: Translate;
  readonly tile: TileView;
  readonly size: Size;
  readonly look?: Placed['look'];
  readonly pinnable?: boolean;
}

export function tileName(tile: TileView, t: Translate): string {
  if (tile.kind === 'screen') return tile.isLocal ? t('tile.screen.you') : t('tile.screen', { name: tile.name });
  return tile.isLocal ? t('tile.you') : tile.name;
}

/** Why there is no picture, in words; undefined if there is nothing to say. */
function reason(tile: TileView, saving: boolean, t: Translate): string | undefined {
  if (!tile.connected && !tile.isLocal) return t('tile.lost');
  if (tile.video === 'undecodable') {
    return tile.codec ? t('tile.undecodable', { codec: codecName(tile.codec) }) : t('tile.undecodable.unknown');
  }
  if (tile.video === 'paused' && !tile.cameraOff) return pausedWords(tile.why, saving, t);
  if (tile.video === 'waiting' && !tile.cameraOff) return t('tile.waiting');
  return undefined;
}

export function codecName(codec: string): string {
  const known: Record<string, string> = { h264: 'H.264', h265: 'H.265', g722: 'G.722', opus: 'Opus' };
  return known[codec.toLowerCase()] ?? codec.toUpperCase();
}

function describe(tile: TileView, saving: boolean, t: Translate): string {
  const parts = [tileName(tile, t)];
  if (tile.kind === 'camera' && tile.micMuted) parts.push(t('tile.muted'));
  if (tile.kind === 'camera' && tile.cameraOff) parts.push(t('tile.camera.off'));
  if (tile.hand) parts.push(t('tile.hand'));
  const why = reason(tile, saving, t);
  if (why) parts.push(why);
  return parts.join(', ');
}

export function VideoTile({ model, t, tile, size, look, pinnable = true }: TileProps) {
  const [fresh, setFresh] = useState(false);
  const speaking = useSpeaking(model, tile);
  const saving = model.saving.value;
  const wanted = tile.stream !== null && (tile.video === 'live' || tile.video === 'waiting');
  const shown = wanted && fresh && tile.video === 'live';
  return (
    <figure
      class="st-tile"
      aria-label={describe(tile, saving, t)}
      data-tile={tile.id}
      data-member={tile.member}
      data-kind={tile.kind}
      data-local={tile.isLocal}
      data-video={tile.video}
      data-shown={shown}
      data-speaking={speaking}
      data-look={look}
      data-tiny={size.height > 0 && size.height < 100}
      style={{ width: `${size.width}px`, height: `${size.height}px` }}
    >
      {wanted && (
        <Picture
          key={tile.stream?.id}
          tile={tile}
          size={size}
          sides={look === 'large' || look === 'float' ? 0.25 : 0.4}
          onFresh={setFresh}
        />
      )}
      {!shown && <Poster tile={tile} saving={saving} t={t} />}
      <span class="st-ring" aria-hidden="true" />
      <figcaption class="st-caption">
        {tile.kind === 'camera' && tile.micMuted && (
          <span class="st-muted" title={t('tile.muted')}>
            <Icon name="micOff" />
          </span>
        )}
        {tile.kind === 'screen' && <Icon name="screen" />}
        <span class="st-name">{tileName(tile, t)}</span>
        {tile.agent !== 'web' && <span class="st-agent">{t(`tile.agent.${tile.agent}`)}</span>}
      </figcaption>
      <div class="st-corner">
        {tile.hand && (
          <span class="st-hand" title={t('tile.hand')}>
            <Icon name="hand" />
          </span>
        )}
        {shown && !tile.connected && (
          <span class="st-lost" title={t('tile.lost')}>
            <span class="st-spinner" aria-hidden="true" />
          </span>
        )}
        {!tile.isLocal && <Bars quality={tile.quality} narrow={tile.why === 'bandwidth'} t={t} />}
      </div>
      {pinnable && <PinButton model={model} t={t} tile={tile} />}
    </figure>
  );
}

function Poster({ tile, saving, t }: { tile: TileView; saving: boolean; t: Translate }) {
  const why = reason(tile, saving, t);
  return (
    <div class="st-poster" data-tint={tint(tile.member)} data-waiting={tile.video === 'waiting' && !tile.cameraOff}>
      <span class="st-initials" aria-hidden="true">
        {tile.kind === 'screen' ? <Icon name="screen" /> : initials(tile.name)}
      </span>
      {why && <span class="st-reason">{why}</span>}
    </div>
  );
}

/** Four bars; colour is never the only sign, and the words are there for those who do not see them. */
export function Bars({ quality, narrow, t }: { quality: Quality; narrow: boolean; t: Translate }) {
  const words = narrow ? `${t(`quality.${quality}`)}. ${t('why.bandwidth')}` : t(`quality.${quality}`);
  return (
    <span class="st-bars" data-quality={quality} title={words}>
      <svg viewBox="0 0 16 12" aria-hidden="true" focusable="false">
        {[1, 2, 3, 4].map((bar) => (
          <rect
            key={bar}
            x={(bar - 1) * 4.2}
            y={12 - bar * 3}
            width="3"
            height={bar * 3}
            rx="1"
            data-on={bar <= quality}
          />
        ))}
      </svg>
      <span class="st-hidden">{words}</span>
    </span>
  );
}

function PinButton({ model, t, tile }: { model: StageModel; t: Translate; tile: TileView }) {
  const pinned = model.ui.pinned.value === tile.id;
  const toggle = () => {
    model.ui.pinned.value = pinned ? null : tile.id;
  };
  const label = t(pinned ? 'tile.unpin' : 'tile.pin', { name: tileName(tile, t) });
  return (
    <button type="button" class="st-pin" data-pinned={pinned} aria-label={label} title={label} onClick={toggle}>
      <Icon name="pin" />
    </button>
  );
}
