import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Icon } from './Icon.js';
import type { StageModel, Translate } from './types.js';

interface Props {
  readonly model: StageModel;
  readonly t: Translate;
  /** Member id of the only receiver, or empty. */
  readonly to: string;
  setTo(to: string): void;
}

/** What the protocol carries, in code points. */
const longest = 4000;

/** Where a message is written. Enter sends, Shift+Enter starts a line. */
export function Composer({ model, t, to, setTo }: Props) {
  const [text, setText] = useState('');
  const [failed, setFailed] = useState(false);
  const [sending, setSending] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const others = model.people.list.value.filter((person) => !person.isLocal);
  const gone = to !== '' && !others.some((person) => person.id === to);
  useEffect(() => {
    // Never let a private message go to everybody because its receiver left: the choice is made again.
    if (gone && text === '') setTo('');
  }, [gone, text, setTo]);
  const send = async () => {
    const words = text.trim();
    if (words === '' || sending || gone) return;
    setSending(true);
    setFailed(false);
    field.current?.focus();
    try {
      await model.chat.send(words, to || undefined);
      setText('');
    } catch {
      setFailed(true);
    } finally {
      setSending(false);
    }
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void send();
  };
  return (
    <form
      class="st-composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {model.mode !== 'call' && (others.length > 1 || gone) && (
        <div class="st-to">
          <label for={`${id}-to`}>{t('chat.to')}</label>
          <select id={`${id}-to`} value={to} onChange={(event) => setTo(event.currentTarget.value)}>
            {gone && <option value={to}>–</option>}
            <option value="">{t('chat.everybody')}</option>
            {others.map((person) => (
              <option key={person.id} value={person.id}>
                {person.name}
              </option>
            ))}
          </select>
        </div>
      )}
      <p class="st-problem" role="alert">
        {gone ? t('chat.gone') : failed && t('chat.failed')}
      </p>
      <div class="st-write">
        {model.allowed.value.files && <Attach model={model} t={t} to={to} />}
        <label class="st-hidden" for={`${id}-text`}>
          {t('chat.message')}
        </label>
        <textarea
          id={`${id}-text`}
          ref={field}
          data-first
          rows={1}
          maxLength={longest}
          placeholder={t('chat.placeholder')}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKey}
        />
        <button
          type="submit"
          class="st-round st-primary"
          aria-label={t('chat.send')}
          aria-disabled={text.trim() === ''}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

function Attach({ model, t, to }: { model: StageModel; t: Translate; to: string }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = '';
          if (files.length > 0) model.chat.sendFiles(files, to || undefined);
        }}
      />
      <button type="button" class="st-round" aria-label={t('chat.attach')} onClick={() => input.current?.click()}>
        <Icon name="attach" />
      </button>
    </>
  );
}
