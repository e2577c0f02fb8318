/** The front door: what Palabre is, a room to try, and a room of one's own. */
import { useEffect, useState } from 'preact/hooks';
import {
  createRoom,
  loadDemo,
  loadTemplates,
  type CreatedRoom,
  type RoleName,
  type Template,
} from '../api.ts';
import { language, t } from '../i18n/index.ts';
import { Icon, Mark } from './Icon.tsx';
import { SettingsMenu } from './SettingsMenu.tsx';

export function Home() {
  const [demo, setDemo] = useState<CreatedRoom | null>(null);
  useEffect(() => {
    loadDemo().then(setDemo, () => undefined);
  }, []);
  return (
    <div class="home">
      <header class="home-top">
        <p class="brand">
          <Mark /> Palabre
        </p>
        <SettingsMenu />
      </header>
      <main>
        <section class="hero">
          <div>
            <h1>{t('home-title')}</h1>
            <p class="lead">{t('home-lead')}</p>
            <ul class="promises">
              <li>{t('home-promise-turn')}</li>
              <li>{t('home-promise-time')}</li>
              <li>{t('home-promise-back')}</li>
            </ul>
          </div>
          <Circle />
        </section>
        <div class="doors">
          {demo && (
            <section class="door" aria-labelledby="demo-title" data-testid="demo">
              <h2 id="demo-title">{t('demo-title')}</h2>
              <p>{t('demo-lead')}</p>
              <Links room={demo} />
            </section>
          )}
          <CreateRoom />
        </div>
      </main>
    </div>
  );
}

/** The picture of the idea: eight around one, and the time around them. */
function Circle() {
  const people = Array.from({ length: 8 }, (_, index) => {
    const angle = (index * Math.PI) / 4 + Math.PI / 8;
    return (
      <circle
        key={index}
        class={`hero-person hue-${index % 6}`}
        cx={200 + 148 * Math.sin(angle)}
        cy={200 - 148 * Math.cos(angle)}
        r="27"
      />
    );
  });
  return (
    <svg class="hero-circle" viewBox="0 0 400 400" aria-hidden="true">
      {[60, 96, 132, 168, 196].map((r) => (
        <circle key={r} class="hero-year" cx="200" cy="200" r={r} />
      ))}
      {people}
      <circle class="hero-speaker" cx="200" cy="200" r="64" />
      <circle class="hero-track" cx="200" cy="200" r="78" />
      <circle class="hero-time" cx="200" cy="200" r="78" pathLength="1" />
    </svg>
  );
}

/** Everyone's link, to open or to copy. */
export function Links({ room }: { room: CreatedRoom }) {
  const [copied, setCopied] = useState<string | null>(null);
  const copy = (key: string, text: string) => {
    void navigator.clipboard?.writeText(text).then(
      () => setCopied(key),
      () => undefined,
    );
  };
  return (
    <>
      <ul class="links">
        {room.links.map((link) => (
          <li key={link.seat} data-role={link.role}>
            <a href={link.url} target="_blank" rel="noopener">
              <strong>{link.name}</strong>
              <span>{t(`role-${link.role}`)}</span>
            </a>
            <button
              class="round quiet"
              aria-label={t('copy-link', { name: link.name })}
              title={t('copy-link', { name: link.name })}
              onClick={() => copy(link.url, link.url)}
            >
              <Icon name={copied === link.url ? 'check' : 'copy'} />
            </button>
          </li>
        ))}
      </ul>
      <button
        class="link"
        onClick={() =>
          copy(
            'all',
            room.links.map((link) => `${link.name} (${t(`role-${link.role}`)}): ${link.url}`).join('\n'),
          )
        }
      >
        {t(copied === 'all' ? 'copied' : 'copy-all')}
      </button>
    </>
  );
}

const ROLES: RoleName[] = ['facilitator', 'co_facilitator', 'client', 'consultant', 'scribe', 'observer'];
/** The most people one room takes, as the server has it. */
const MOST_PEOPLE = 12;

function CreateRoom() {
  const [templates, setTemplates] = useState<Template[]>([]);
  const [template, setTemplate] = useState('');
  const [people, setPeople] = useState<{ name: string; role: RoleName }[]>([
    { name: '', role: 'facilitator' },
    { name: '', role: 'consultant' },
    { name: '', role: 'consultant' },
    { name: '', role: 'consultant' },
  ]);
  const [created, setCreated] = useState<CreatedRoom | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    loadTemplates().then(
      (all) => {
        setTemplates(all);
        setTemplate((chosen) => chosen || (all[0]?.id ?? ''));
      },
      () => setProblem('unreachable'),
    );
  }, []);
  const chosen = templates.find(({ id }) => id === template);
  const named = people.filter(({ name }) => name.trim());
  const set = (index: number, change: Partial<(typeof people)[number]>) =>
    setPeople(people.map((person, at) => (at === index ? { ...person, ...change } : person)));
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    const answer = await createRoom({
      template,
      language: language.value,
      people: named.map(({ name, role }) => ({ name: name.trim(), role })),
    });
    setBusy(false);
    if ('room' in answer) setCreated(answer);
    else setProblem(answer.problem);
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
        <label class="field">
          <span>{t('create-template')}</span>
          <select
            value={template}
            data-testid="create-template"
            onChange={(event) => setTemplate(event.currentTarget.value)}
          >
            {templates.map((option) => (
              <option key={option.id} value={option.id}>
                {t('create-option', { title: option.title[language.value], minutes: option.minutes })}
              </option>
            ))}
          </select>
          {chosen && <small>{chosen.purpose[language.value]}</small>}
        </label>
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
                onClick={() => setPeople(people.filter((_, at) => at !== index))}
              >
                <Icon name="close" />
              </button>
            </div>
          ))}
          <button
            type="button"
            class="link"
            disabled={people.length >= MOST_PEOPLE}
            onClick={() => setPeople([...people, { name: '', role: 'consultant' }])}
          >
            {t('create-add')}
          </button>
        </fieldset>
        {problem && (
          <p class="problem" role="alert">
            {problem === 'unreachable' ? t('create-unreachable') : t('create-refused', { reason: problem })}
          </p>
        )}
        <button
          class="pill ink large"
          disabled={busy || named.length === 0 || !template}
          data-testid="create"
        >
          {t('create-submit')}
        </button>
        <p class="fine">{t('create-note')}</p>
      </form>
    </section>
  );
}
