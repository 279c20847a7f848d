import { useId, useState } from 'preact/hooks';
import { Confirm, type Question } from './Confirm.js';
import { Icon } from './Icon.js';
import { Invite } from './Invite.js';
import { PanelFrame } from './PanelFrame.js';
import { initials, tint } from './text.js';
import type { Person, StageModel, Translate } from './types.js';

interface Props {
  readonly model: StageModel;
  readonly t: Translate;
  close(): void;
}

export function PeoplePanel({ model, t, close }: Props) {
  const [question, ask] = useState<Question | null>(null);
  const people = model.people.list.value;
  return (
    <PanelFrame title={t('people.count', { n: people.length })} t={t} close={close}>
      <div class="st-people">
        {model.invite && <Invite invite={model.invite} t={t} />}
        <ul>
          {people.map((person) => (
            <Row key={person.id} person={person} model={model} t={t} ask={ask} />
          ))}
        </ul>
      </div>
      {model.allowed.value.moderate && <RoomTools model={model} t={t} ask={ask} />}
      {question && <Confirm question={question} t={t} done={() => ask(null)} />}
    </PanelFrame>
  );
}

interface RowProps {
  readonly person: Person;
  readonly model: StageModel;
  readonly t: Translate;
  ask(question: Question): void;
}

function Row({ person, model, t, ask }: RowProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const { state, role } = person;
  const moderated = model.allowed.value.moderate && !person.isLocal;
  return (
    <li class="st-person" data-person={person.id} data-connected={person.connected}>
      <div class="st-person-row">
        <span class="st-avatar" data-tint={tint(person.id)} aria-hidden="true">
          {initials(person.name)}
        </span>
        <span class="st-person-words">
          <span class="st-person-name">{person.name}</span>
          <span class="st-dim">{about(person, t)}</span>
        </span>
        {state.hand && <Sign icon="hand" words={t('tile.hand')} />}
        {state.screen && <Sign icon="screen" words={t('source.screen')} />}
        {role !== 'viewer' && !state.mic && <Sign icon="micOff" words={t('tile.muted')} />}
        {role !== 'viewer' && !state.camera && <Sign icon="cameraOff" words={t('tile.camera.off')} />}
        {moderated && (
          <button
            type="button"
            class="st-close"
            aria-label={t('people.actions', { name: person.name })}
            aria-expanded={open}
            aria-controls={id}
            onClick={() => setOpen(!open)}
          >
            <Icon name="more" />
          </button>
        )}
      </div>
      {moderated && (
        <div class="st-person-tools" id={id} hidden={!open}>
          {open && <PersonTools person={person} model={model} t={t} ask={ask} />}
        </div>
      )}
    </li>
  );
}

function about(person: Person, t: Translate): string {
  const words: string[] = [];
  if (person.isLocal) words.push(t('tile.you'));
  if (person.role === 'moderator') words.push(t('people.moderator'));
  if (person.role === 'viewer') words.push(t('people.viewer'));
  if (person.agent !== 'web') words.push(t(`tile.agent.${person.agent}`));
  if (!person.connected) words.push(t('tile.lost'));
  return words.join(' · ');
}

function Sign({ icon, words }: { icon: 'hand' | 'screen' | 'micOff' | 'cameraOff'; words: string }) {
  return (
    <span class="st-sign" data-sign={icon} title={words}>
      <Icon name={icon} />
      <span class="st-hidden">{words}</span>
    </span>
  );
}

function PersonTools({ person, model, t, ask }: RowProps) {
  const { people } = model;
  const { id, name, role, state } = person;
  const remove = () =>
    ask({
      title: t('confirm.remove', { name }),
      hint: t('confirm.remove.hint'),
      yes: t('confirm.remove.yes'),
      run: () => people.remove(id),
    });
  const tool = (label: string, run: () => void) => (
    <button type="button" class="st-button" onClick={run}>
      {label}
    </button>
  );
  return (
    <>
      {state.mic && tool(t('people.mute'), () => void people.mute(id, 'mic'))}
      {state.camera && tool(t('people.mute.camera'), () => void people.mute(id, 'camera'))}
      {state.screen && tool(t('people.mute.screen'), () => void people.mute(id, 'screen'))}
      {role !== 'speaker' && tool(t('people.role.speaker'), () => void people.setRole(id, 'speaker'))}
      {role !== 'moderator' && tool(t('people.role.moderator'), () => void people.setRole(id, 'moderator'))}
      {role !== 'viewer' && tool(t('people.role.viewer'), () => void people.setRole(id, 'viewer'))}
      <button type="button" class="st-button st-danger-soft" onClick={remove}>
        {t('people.remove')}
      </button>
    </>
  );
}

function RoomTools({ model, t, ask }: { model: StageModel; t: Translate; ask(question: Question): void }) {
  const id = useId();
  const { people } = model;
  const locked = people.locked.value;
  const end = () =>
    ask({ title: t('confirm.end'), hint: t('confirm.end.hint'), yes: t('people.end'), run: () => people.endForAll() });
  return (
    <div class="st-room-tools">
      <button
        type="button"
        class="st-button"
        aria-pressed={locked}
        aria-describedby={id}
        onClick={() => void people.lock(!locked)}
      >
        <Icon name="lock" />
        {t('people.lock')}
      </button>
      <button type="button" class="st-button st-danger-soft" onClick={end}>
        {t('people.end')}
      </button>
      <p class="st-dim" id={id}>
        {t('people.lock.hint')}
      </p>
    </div>
  );
}
