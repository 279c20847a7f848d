import { useEffect } from 'preact/hooks';
import type { LinkStats, PathStats, TrackStats } from 'veche-client';
import { PanelFrame } from './PanelFrame.js';
import { bitrate, candidates, milliseconds, percent, resolution } from './text.js';
import type { StageKey, StageModel, StatsGroup, Translate } from './types.js';
import { codecName } from './VideoTile.js';
import { groupWords, linkWords } from './words.js';

interface Words {
  readonly t: Translate;
  readonly locale: string;
}

/** What the network and the codecs do now, in figures. */
export function StatsPanel({ model, t, locale, close }: Words & { model: StageModel; close(): void }) {
  const { stats } = model;
  useEffect(() => stats.watch(), [stats]);
  const view = stats.view.value;
  const saving = model.saving.value;
  const narrow = view && linkWords(view, t);
  return (
    <PanelFrame title={t('stage.stats')} t={t} close={close}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="st-stats" tabIndex={0} aria-label={t('stage.stats')}>
        {view === null ? (
          <p class="st-dim">{t('stats.waiting')}</p>
        ) : (
          <>
            <dl class="st-facts" data-path={view.mode}>
              <Fact name={t('stats.mode')} value={t(`stats.mode.${view.mode}`)} />
              {view.server && <PathFacts path={view.server} t={t} locale={locale} />}
              {view.link && <LinkFacts link={view.link} t={t} locale={locale} />}
            </dl>
            {narrow && <p class="st-words">{narrow}</p>}
            {view.groups.map((group) => (
              <Group key={group.id} group={group} saving={saving} t={t} locale={locale} />
            ))}
          </>
        )}
      </section>
    </PanelFrame>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function PathFacts({ path, t, locale }: Words & { path: PathStats }) {
  const protocol = (path.protocol ?? 'udp').toUpperCase();
  const ends = candidates(path);
  const way = t(path.relay ? 'stats.relay' : 'stats.direct', { protocol });
  return (
    <>
      <Fact name={t('stats.path')} value={ends ? `${way} (${ends})` : way} />
      {path.rttMs !== undefined && <Fact name={t('stats.rtt')} value={milliseconds(path.rttMs, locale)} />}
      {path.availableOut !== undefined && (
        <Fact name={t('stats.available')} value={bitrate(path.availableOut, locale)} />
      )}
    </>
  );
}

function LinkFacts({ link, t, locale }: Words & { link: LinkStats }) {
  return (
    <>
      <Fact name={t('stats.estimate')} value={bitrate(link.estimate, locale)} />
      <Fact name={t('stats.link.loss')} value={percent(link.lost, locale)} />
    </>
  );
}

type Cell = (track: TrackStats, locale: string) => string | undefined;

const some = <T,>(value: T | undefined, words: (value: T) => string) =>
  value === undefined ? undefined : words(value);

const rows: readonly (readonly [StageKey, Cell])[] = [
  ['stats.codec', (track) => some(track.codec, codecName)],
  ['stats.bitrate', (track, locale) => bitrate(track.bitrate, locale)],
  ['stats.resolution', (track) => resolution(track)],
  ['stats.fps', (track) => some(track.fps, (fps) => String(Math.round(fps)))],
  ['stats.resent', (track) => some(track.resent, String)],
  ['stats.loss', (track, locale) => percent(track.lost, locale)],
  ['stats.rtt', (track, locale) => some(track.rttMs, (ms) => milliseconds(ms, locale))],
  ['stats.jitter', (track, locale) => some(track.jitterMs, (ms) => milliseconds(ms, locale))],
];

function Group({ group, saving, t, locale }: Words & { group: StatsGroup; saving: boolean }) {
  const name = group.isLocal ? t('tile.you') : group.name;
  const words = groupWords(group, saving, t);
  return (
    <section class="st-group" data-member={group.id} aria-label={name}>
      <h3>{name}</h3>
      {group.path && (
        <dl class="st-facts">
          <PathFacts path={group.path} t={t} locale={locale} />
        </dl>
      )}
      {words.map((line) => (
        <p key={line} class="st-words">
          {line}
        </p>
      ))}
      {group.tracks.length === 0 ? (
        <p class="st-dim">{t('stats.nothing')}</p>
      ) : (
        <Table name={name} tracks={group.tracks} t={t} locale={locale} />
      )}
    </section>
  );
}

/** One column per track: figures of the same kind stand beside each other, and a narrow panel holds it. */
function Table({ name, tracks, t, locale }: Words & { name: string; tracks: readonly TrackStats[] }) {
  const filled = rows
    .map(([key, cell]) => [key, tracks.map((track) => cell(track, locale))] as const)
    .filter(([, cells]) => cells.some((cell) => cell !== undefined));
  return (
    <table>
      <caption class="st-hidden">{name}</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="st-hidden">{t('stats.track')}</span>
          </th>
          {tracks.map((track) => (
            <th key={`${track.direction} ${track.source}`} scope="col">
              {t(`source.${track.source}`)}
              <small>{t(`stats.${track.direction}`)}</small>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {filled.map(([key, cells]) => (
          <tr key={key}>
            <th scope="row">{t(key)}</th>
            {cells.map((cell, i) => (
              <td key={`${tracks[i]?.direction} ${tracks[i]?.source}`}>{cell ?? '–'}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
