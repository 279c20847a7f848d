import { useId, useRef, useState } from 'preact/hooks';
import { Icon } from './Icon.js';
import type { InviteModel, Translate } from './types.js';

/** The link to this conversation. Where the clipboard is out of reach the link is selected instead. */
export function Invite({ invite, t }: { invite: InviteModel; t: Translate }) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState<'invite.copied' | 'invite.manual' | null>(null);
  const copy = async () => {
    const done = await invite.copy().catch(() => false);
    if (!done) {
      field.current?.focus();
      field.current?.select();
    }
    setSaid(done ? 'invite.copied' : 'invite.manual');
  };
  return (
    <div class="st-invite">
      <label for={id}>{t('invite.link')}</label>
      <div class="st-invite-row">
        <input id={id} ref={field} readOnly value={invite.url} onFocus={(event) => event.currentTarget.select()} />
        <button type="button" class="st-button st-primary" onClick={copy}>
          <Icon name={said === 'invite.copied' ? 'check' : 'link'} />
          {t('invite.copy')}
        </button>
      </div>
      <p class="st-said" role="status">
        {said && t(said)}
      </p>
    </div>
  );
}
