/** A room of one's own: what is followed in it, and who comes. */
import { useEffect, useState } from 'preact/hooks';
import {
  createRoom,
  loadTemplates,
  MAX_TEMPLATE_BYTES,
  type CreatedRoom,
  type Invited,
  type Problem,
  type RoleName,
  type Template,
} from '../api.ts';
import { language, t } from '../i18n/index.ts';
import { Icon } from './Icon.tsx';
import { Links } from './Links.tsx';

const ROLES: RoleName[] = ['facilitator', 'co_facilitator', 'client', 'consultant', 'scribe', 'observer'];
/** The most people one room takes, as the server has it. */
const MOST_PEOPLE = 12;
/** The longest number, or line of text in its place, as the server has it. */
const MOST_TELEPHONE = 60;
/** The choice that stands for a file of one's own; no template has such a name. */
const OWN = ' own';

/** A file that a facilitator brought. */
interface OwnFile {
  name: string;
  text: string;
}

export function CreateRoom() {
  const [templates, setTemplates] = useState<Template[]>([]);
  const [template, setTemplate] = useState('');
  const [file, setFile] = useState<OwnFile | null>(null);
  const [people, setPeople] = useState<Invited[]>([
    { name: '', role: 'facilitator' },
    { name: '', role: 'consultant' },
    { name: '', role: 'consultant' },
    { name: '', role: 'consultant' },
  ]);
  const [telephone, setTelephone] = useState('');
  const [created, setCreated] = useState<CreatedRoom | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    loadTemplates().then(
      (all) => {
        setTemplates(all);
        setTemplate((chosen) => chosen || (all.find(({ id }) => id === FIRST)?.id ?? all[0]?.id ?? OWN));
      },
      () => setProblem({ problem: 'unreachable' }),
    );
  }, []);
  const own = template === OWN;
  const named = people.filter(({ name }) => name.trim());
  const able = !busy && named.length > 0 && template !== '' && (!own || file !== null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    const answer = await createRoom({
      ...(own ? { template_text: file?.text ?? '' } : { template }),
      language: language.value,
      people: named.map(({ name, role, expert }) => ({
        name: name.trim(),
        role,
        ...(expert && role === 'consultant' ? { expert } : {}),
      })),
      ...(telephone.trim() ? { telephone: telephone.trim() } : {}),
    });
    setBusy(false);
    if ('room' in answer) setCreated(answer);
    else setProblem(answer);
  };

  if (created) {
    return (
      <section class="door" aria-labelledby="created-title" data-testid="created">
        <h2 id="created-title">{t('created-title')}</h2>
        <p>{t('created-lead')}</p>
        <Links room={created} />
        <button class="pill" onClick={() => setCreated(null)}>
          {t('create-another')}
        </button>
      </section>
    );
  }
  return (
    <section class="door" aria-labelledby="create-title">
      <h2 id="create-title">{t('create-title')}</h2>
      <form class="create" onSubmit={(event) => void submit(event)} data-testid="create-form">
        <Format
          templates={templates}
          template={template}
          file={file}
          onTemplate={(id) => {
            setTemplate(id);
            setProblem(null);
          }}
          onFile={(given, reason) => {
            setFile(given);
            setProblem(reason === null ? null : { problem: reason });
          }}
        />
        <People people={people} onPeople={setPeople} />
        <label class="field">
          <span>{t('create-telephone')}</span>
          <input
            type="text"
            inputMode="tel"
            autocomplete="off"
            maxLength={MOST_TELEPHONE}
            value={telephone}
            data-testid="create-telephone"
            onInput={(event) => setTelephone(event.currentTarget.value)}
          />
          <small>{t('create-telephone-note')}</small>
        </label>
        {problem && <Refused problem={problem} own={own} />}
        <button class="pill ink large" disabled={!able} data-testid="create">
          {t('create-submit')}
        </button>
        <p class="fine">{t('create-note')}</p>
      </form>
    </section>
  );
}

/** What most rooms are made for: it is chosen already. */
const FIRST = 'codev-1h15';

function Refused({ problem: { problem, line }, own }: { problem: Problem; own: boolean }) {
  if (problem === 'unreachable' || problem === 'too_large') {
    return (
      <p class="problem" role="alert" data-testid="create-problem">
        {t(problem === 'too_large' ? 'create-file-large' : 'create-unreachable')}
      </p>
    );
  }
  return (
    <div class="problem" role="alert" data-testid="create-problem">
      {own ? (
        <>
          <p>{t('create-file-refused')}</p>
          <pre>
            {line !== undefined && <strong>{t('create-file-line', { line })} </strong>}
            {problem}
          </pre>
        </>
      ) : (
        t('create-refused', { reason: problem })
      )}
    </div>
  );
}

interface FormatProps {
  templates: Template[];
  template: string;
  file: OwnFile | null;
  onTemplate(id: string): void;
  onFile(file: OwnFile | null, problem: string | null): void;
}

function Format({ templates, template, file, onTemplate, onFile }: FormatProps) {
  const chosen = templates.find(({ id }) => id === template);
  const read = async (input: HTMLInputElement) => {
    const [given] = input.files ?? [];
    if (!given) return;
    if (given.size > MAX_TEMPLATE_BYTES) onFile(null, 'too_large');
    else onFile({ name: given.name, text: await given.text() }, null);
    // The same file, changed, can be chosen again.
    input.value = '';
  };
  return (
    <>
      <label class="field">
        <span>{t('create-template')}</span>
        <select
          value={template}
          data-testid="create-template"
          onChange={(event) => onTemplate(event.currentTarget.value)}
        >
          {templates.map((option) => (
            <option key={option.id} value={option.id}>
              {t('create-option', { title: option.title[language.value], minutes: option.minutes })}
            </option>
          ))}
          <option value={OWN}>{t('create-own')}</option>
        </select>
        {chosen && (
          <small>
            {chosen.purpose[language.value]}{' '}
            {t('create-sized', { minutes: chosen.minutes, people: chosen.people })}
          </small>
        )}
      </label>
      {template === OWN && (
        <label class="field file">
          <span>{t('create-file')}</span>
          <input
            type="file"
            accept=".toml,application/toml,text/plain"
            data-testid="create-file"
            onChange={(event) => void read(event.currentTarget)}
          />
          <span class="pill" aria-hidden="true">
            <Icon name="contract" />
            {file ? file.name : t('create-file-choose')}
          </span>
        </label>
      )}
    </>
  );
}

function People({ people, onPeople }: { people: Invited[]; onPeople(people: Invited[]): void }) {
  const set = (index: number, change: Partial<Invited>) =>
    onPeople(people.map((person, at) => (at === index ? { ...person, ...change } : person)));
  return (
    <fieldset class="people">
      <legend>{t('create-people')}</legend>
      {people.map((person, index) => (
        <div class="person" key={index}>
          <input
            value={person.name}
            maxLength={60}
            placeholder={t('create-name')}
            aria-label={t('create-name-of', { number: index + 1 })}
            onInput={(event) => set(index, { name: event.currentTarget.value })}
          />
          <select
            value={person.role}
            aria-label={t('create-role-of', { number: index + 1 })}
            onChange={(event) => set(index, { role: event.currentTarget.value as RoleName })}
          >
            {ROLES.map((role) => (
              <option key={role} value={role}>
                {t(`role-${role}`)}
              </option>
            ))}
          </select>
          <button
            type="button"
            class="round quiet"
            aria-label={t('create-remove', { number: index + 1 })}
            disabled={people.length < 2}
            onClick={() => onPeople(people.filter((_, at) => at !== index))}
          >
            <Icon name="close" />
          </button>
          {person.role === 'consultant' && person.name.trim() && (
            <label class="expert">
              <input
                type="checkbox"
                data-testid={`create-expert-${index}`}
                checked={person.expert ?? false}
                onChange={(event) => set(index, { expert: event.currentTarget.checked })}
              />
              <span>{t('create-expert')}</span>
            </label>
          )}
        </div>
      ))}
      <button
        type="button"
        class="link"
        disabled={people.length >= MOST_PEOPLE}
        onClick={() => onPeople([...people, { name: '', role: 'consultant' }])}
      >
        {t('create-add')}
      </button>
    </fieldset>
  );
}
