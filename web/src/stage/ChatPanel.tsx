import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Composer } from './Composer.js';
import { FileCard } from './FileCard.js';
import { PanelFrame } from './PanelFrame.js';
import { clock, linkify } from './text.js';
import type { ChatItem, StageModel, Translate } from './types.js';

interface Props {
  readonly model: StageModel;
  readonly t: Translate;
  readonly locale: string;
  close(): void;
}

/** Messages of one person within this many milliseconds stand under one name. */
const together = 120_000;

export function ChatPanel({ model, t, locale, close }: Props) {
  const { chat } = model;
  const items = chat.items.value;
  const unread = chat.unread.value;
  const [to, setTo] = useState('');
  const [over, setOver] = useState(false);
  useEffect(() => {
    if (unread > 0) chat.seen();
  }, [chat, unread]);
  const files = model.allowed.value.files;
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const dropped = [...(event.dataTransfer?.files ?? [])];
    if (dropped.length > 0) chat.sendFiles(dropped, to || undefined);
  };
  const drag = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    setOver(true);
  };
  const leave = (event: DragEvent & { currentTarget: HTMLElement }) => {
    if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget))) setOver(false);
  };
  const handlers = files ? { onDragOver: drag, onDragLeave: leave, onDrop: drop } : {};
  return (
    <PanelFrame title={t('stage.chat')} t={t} close={close}>
      <div class="st-chat" {...handlers}>
        <Log model={model} items={items} t={t} locale={locale} />
        <Composer model={model} t={t} to={to} setTo={setTo} />
        {over && <div class="st-drop">{t('chat.drop')}</div>}
      </div>
    </PanelFrame>
  );
}

interface LogProps {
  readonly model: StageModel;
  readonly items: readonly ChatItem[];
  readonly t: Translate;
  readonly locale: string;
}

function Log({ model, items, t, locale }: LogProps) {
  const ref = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const last = items.at(-1);
  // Stays at the end, unless the person has scrolled up to read; what they write themselves is always shown.
  useLayoutEffect(() => {
    const log = ref.current;
    if (log && (atEnd.current || last?.mine)) log.scrollTop = log.scrollHeight;
  }, [last?.id]);
  useEffect(() => {
    const log = ref.current;
    if (!log) return;
    const observer = new ResizeObserver(() => {
      if (atEnd.current) log.scrollTop = log.scrollHeight;
    });
    observer.observe(log);
    return () => observer.disconnect();
  }, []);
  const onScroll = () => {
    const log = ref.current;
    if (log) atEnd.current = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <div class="st-log" role="log" aria-label={t('chat.log')} tabIndex={0} ref={ref} onScroll={onScroll}>
      {items.length === 0 && (
        <div class="st-empty">
          <p>{t('chat.empty')}</p>
          <p class="st-dim">{t(model.mode === 'call' ? 'chat.empty.call' : 'chat.empty.hint')}</p>
        </div>
      )}
      {items.map((item, i) => (
        <Message key={item.id} item={item} before={items[i - 1]} model={model} t={t} locale={locale} />
      ))}
    </div>
  );
}

interface MessageProps {
  readonly item: ChatItem;
  readonly before: ChatItem | undefined;
  readonly model: StageModel;
  readonly t: Translate;
  readonly locale: string;
}

function Message({ item, before, model, t, locale }: MessageProps) {
  const { to } = item;
  const follows =
    before !== undefined && before.from === item.from && before.to?.id === to?.id && item.at - before.at < together;
  const secret = to && (item.mine ? t('chat.private.to', { name: to.name }) : t('chat.private.you'));
  return (
    <div class="st-message" data-mine={item.mine} data-follows={follows} data-private={to !== undefined}>
      <p class={follows ? 'st-hidden' : 'st-message-head'}>
        <b>{item.mine ? t('tile.you') : item.name}</b>
        {secret && <span class="st-secret">{secret}</span>}
        <time dateTime={new Date(item.at).toISOString()}>{clock(item.at, locale)}</time>
      </p>
      <div class="st-bubble">
        {item.text && <Text text={item.text} />}
        {item.file && <FileCard file={item.file} mine={item.mine} chat={model.chat} t={t} locale={locale} />}
      </div>
    </div>
  );
}

function Text({ text }: { text: string }) {
  return (
    <p>
      {linkify(text).map((piece, i) =>
        typeof piece === 'string' ? (
          piece
        ) : (
          <a key={i} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.href}
          </a>
        ),
      )}
    </p>
  );
}
