import { useRef, useState } from 'preact/hooks';
import { arrange, nextSpeaker, wishes } from './arrange.js';
import { useAway, useSize, useWishes } from './hooks.js';
import { Icon } from './Icon.js';
import { type Pager, type Placed, place } from './place.js';
import type { StageModel, Translate } from './types.js';
import { VideoTile } from './VideoTile.js';

interface Props {
  readonly model: StageModel;
  readonly t: Translate;
}

/**
 * All pictures, in one layer: a tile keeps its element wherever it goes, so that nobody's picture starts
 * anew because somebody else speaks. Tells the model what is seen, and how large.
 */
export function Tiles({ model, t }: Props) {
  const ref = useRef<HTMLDivElement>(null);
  const box = useSize(ref);
  const [page, setPage] = useState(0);
  const speaker = useRef<string | null>(null);
  const tiles = model.tiles.value;
  speaker.current = nextSpeaker(tiles, model.active.value, speaker.current);
  const { layout, pinned } = model.ui;
  const shape = arrange(tiles, { layout: layout.value, pinned: pinned.value, active: speaker.current });
  const known = box.width > 0 && box.height > 0;
  const { placed, pager } = known ? place(shape, box, box.width < 700 ? 6 : 10, page) : { placed: [] };
  const spots = new Map(placed.map((spot) => [spot.tile.id, spot]));
  const away = useAway(ref, [...spots.keys()]);
  useWishes(model, known ? wishes(placed, tiles, away) : null);
  return (
    <div class="st-area" ref={ref} data-shape={shape.kind}>
      {tiles.map((tile) => {
        const spot = spots.get(tile.id);
        return spot && <Spot key={tile.id} model={model} t={t} spot={spot} pinnable={tiles.length > 2} />;
      })}
      {pager && <PageButtons t={t} pager={pager} go={setPage} />}
    </div>
  );
}

function Spot({ model, t, spot, pinnable }: { model: StageModel; t: Translate; spot: Placed; pinnable: boolean }) {
  const style = { transform: `translate(${spot.x}px, ${spot.y}px)` };
  return (
    <div class="st-spot" data-spot={spot.tile.id} data-look={spot.look} style={style}>
      <VideoTile model={model} t={t} tile={spot.tile} size={spot.size} look={spot.look} pinnable={pinnable} />
    </div>
  );
}

function PageButtons({ t, pager, go }: { t: Translate; pager: Pager; go(page: number): void }) {
  const { page, pages, size } = pager;
  const words = t('stage.page', { page: page + 1, pages });
  const style = {
    transform: `translate(${pager.x}px, ${pager.y}px)`,
    width: `${size.width}px`,
    height: `${size.height}px`,
  };
  return (
    <nav class="st-pager" aria-label={words} style={style}>
      <button
        type="button"
        aria-label={t('stage.page.previous')}
        aria-disabled={page === 0}
        onClick={() => go(Math.max(0, page - 1))}
      >
        <Icon name="left" />
      </button>
      {size.width > 120 && (
        <span aria-hidden="true">
          {page + 1} / {pages}
        </span>
      )}
      <span class="st-hidden" aria-live="polite">
        {words}
      </span>
      <button
        type="button"
        aria-label={t('stage.page.next')}
        aria-disabled={page === pages - 1}
        onClick={() => go(Math.min(pages - 1, page + 1))}
      >
        <Icon name="right" />
      </button>
    </nav>
  );
}
