import { Icon } from './Icon.js';
import { bytes } from './text.js';
import type { ChatFile, ChatModel, StageKey, Translate } from './types.js';

interface Props {
  readonly file: ChatFile;
  readonly mine: boolean;
  readonly chat: ChatModel;
  readonly t: Translate;
  readonly locale: string;
}

const states: Readonly<Record<ChatFile['state'], readonly [theirs: StageKey, mine: StageKey]>> = {
  offered: ['file.offered', 'file.offered.mine'],
  moving: ['file.moving', 'file.moving'],
  done: ['file.done', 'file.done.mine'],
  aborted: ['file.aborted', 'file.aborted'],
  failed: ['file.failed', 'file.failed'],
};

/** A file on its way from or to somebody. */
export function FileCard({ file, mine, chat, t, locale }: Props) {
  const { name, state } = file;
  const part = file.size > 0 ? Math.min(100, Math.floor((file.done / file.size) * 100)) : 100;
  const open = state === 'moving' || (state === 'offered' && mine);
  return (
    <div class="st-file" data-file={file.id} data-state={state}>
      <Icon name="file" />
      <div class="st-file-words">
        <span class="st-file-name">{name}</span>
        <span class="st-file-state">
          {bytes(file.size, locale)} · {t(states[state][mine ? 1 : 0], { percent: part })}
        </span>
        {state === 'moving' && <progress max={100} value={part} aria-label={t('file.progress', { name })} />}
      </div>
      {state === 'offered' && !mine && (
        <button
          type="button"
          class="st-button st-primary"
          aria-label={t('file.accept', { name })}
          onClick={() => chat.accept(file.id)}
        >
          {t('file.accept.short')}
        </button>
      )}
      {open && (
        <button
          type="button"
          class="st-button"
          aria-label={t('file.abort', { name })}
          onClick={() => chat.abort(file.id)}
        >
          {t('file.abort.short')}
        </button>
      )}
      {state === 'done' && file.url && (
        <a class="st-button st-primary" href={file.url} download={name} aria-label={t('file.save', { name })}>
          {t('file.save.short')}
        </a>
      )}
    </div>
  );
}
