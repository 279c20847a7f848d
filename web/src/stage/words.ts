/** What is said about pictures: which size comes, and why not a better one. Without a document. */
import type { StatsGroup, StatsPicture, StatsView, TileView, Translate } from './types.js';

/** Why there is no picture at the moment, if it was paused. */
export function pausedWords(why: TileView['why'], saving: boolean, t: Translate): string {
  if (why === 'bandwidth') return t('tile.paused.bandwidth');
  return t(saving ? 'tile.paused.saving' : 'tile.paused');
}

function sizeWords({ layer, video }: StatsPicture, t: Translate): string | undefined {
  if (video !== 'live' || !layer) return undefined;
  const size = layer.width && layer.height ? `${layer.width}×${layer.height}` : '';
  const several = layer.of > 1 ? t('stats.size.of', { n: layer.index + 1, of: layer.of }) : '';
  const levels = layer.spatial > 0 ? t('stats.levels', { s: layer.spatial + 1, t: layer.temporal + 1 }) : '';
  return [several, size, levels].filter(Boolean).join(', ') || undefined;
}

/** One sentence on somebody's picture. */
export function pictureWords(picture: StatsPicture, saving: boolean, t: Translate): string | undefined {
  const { kind, video, why } = picture;
  const name = t(`source.${kind}`);
  if (video === 'paused') return `${name}: ${pausedWords(why, saving, t)}`;
  if (video !== 'live') return undefined;
  const reason = why && why !== 'choice' ? t(`why.${why}`) : t('why.best');
  const size = sizeWords(picture, t);
  return size ? `${name}: ${size}. ${reason}` : why ? `${name}: ${reason}` : undefined;
}

/** Sentences on what somebody sends to us, or we to the others. */
export function groupWords(group: StatsGroup, saving: boolean, t: Translate): string[] {
  const out: string[] = [];
  for (const picture of group.pictures ?? []) {
    const words = pictureWords(picture, saving, t);
    if (words) out.push(words);
  }
  if (!group.isLocal) return out;
  for (const track of group.tracks) {
    if (track.kind !== 'video' || track.sizes === undefined) continue;
    const name = t(`source.${track.source}`);
    out.push(`${name}: ${track.sizes === 0 ? t('stats.sent.none') : t('stats.sent.sizes', { n: track.sizes })}`);
    if (track.limit) out.push(t(`stats.limit.${track.limit}`));
  }
  return out;
}

/** A sentence on the way to us, if it is too narrow. */
export function linkWords(view: StatsView, t: Translate): string | undefined {
  return view.link?.limited ? t('stats.limited') : undefined;
}
