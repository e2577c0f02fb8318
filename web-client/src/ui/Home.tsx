/** The front door: what Palabre is, a room to try, and a room of one's own. */
import { useEffect, useState } from 'preact/hooks';
import { loadDemo, type CreatedRoom } from '../api.ts';
import { t } from '../i18n/index.ts';
import { CreateRoom } from './CreateRoom.tsx';
import { Mark } from './Icon.tsx';
import { Links } from './Links.tsx';
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
