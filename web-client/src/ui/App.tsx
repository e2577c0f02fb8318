/** Which page this is, and the way from a link into its room. */
import { useEffect, useState } from 'preact/hooks';
import { language } from '../i18n/index.ts';
import { comesBack, loadChoice, loadVisit } from '../state/memory.ts';
import { Session } from '../state/session.ts';
import { Home } from './Home.tsx';
import { Prejoin, type Ready } from './Prejoin.tsx';
import { Room } from './Room.tsx';
import { Message } from './Screens.tsx';

/** Where an address leads. */
export type Route =
  { page: 'home' } | { page: 'room'; token: string } | { page: 'no_token' } | { page: 'not_found' };

export function route(path: string, hash: string): Route {
  if (path === '/' || path === '/index.html') return { page: 'home' };
  if (!/^\/r\/[a-z0-9-]{8,32}\/?$/.test(path)) return { page: 'not_found' };
  const token = hash.replace(/^#/, '');
  return token ? { page: 'room', token } : { page: 'no_token' };
}

const socketUrl = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;

export function App() {
  const at = route(location.pathname, location.hash);
  useEffect(() => {
    // Another link pasted over this one changes the fragment alone, which loads nothing by itself.
    const reload = () => location.reload();
    window.addEventListener('hashchange', reload);
    return () => window.removeEventListener('hashchange', reload);
  }, []);
  switch (at.page) {
    case 'home':
      return <Home />;
    case 'room':
      return 'RTCPeerConnection' in window && 'WebSocket' in window ? (
        <Link token={at.token} />
      ) : (
        <Message kind="unsupported" />
      );
    default:
      return <Message kind={at.page} />;
  }
}

/** A link: back into the room if this browser was just there, else the check before it. */
function Link({ token }: { token: string }) {
  const [session, setSession] = useState<Session | null>(() => comeBack(token));
  if (session) return <Room session={session} />;
  const join = ({ choice, tracks }: Ready) =>
    setSession(
      new Session({
        url: socketUrl(),
        token,
        language: language.value,
        choice,
        tracks,
        muted: tracks.audio === null,
        camera: tracks.video !== null,
      }),
    );
  return <Prejoin onJoin={join} />;
}

/** A page that was killed or loaded again is back with no click, its switches as they were. */
function comeBack(token: string): Session | null {
  const visit = loadVisit(token);
  if (!comesBack(visit, Date.now())) return null;
  return new Session({
    url: socketUrl(),
    token,
    language: language.value,
    choice: loadChoice(),
    tracks: { audio: null, video: null },
    muted: visit.muted,
    camera: visit.camera,
    back: visit.at,
  });
}
