/** Which page this is, and the way from a link into its room. */
import { useEffect, useState } from 'preact/hooks';
import { isGranted, openCamera, openMicrophone } from '../media/devices.ts';
import { language } from '../i18n/index.ts';
import { comesBack, loadChoice, loadVisit } from '../state/memory.ts';
import { Session, type Entry } from '../state/session.ts';
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
  const [session, setSession] = useState<Session | null>(null);
  const [returning, setReturning] = useState(() => comesBack(loadVisit(token), Date.now()));

  useEffect(() => {
    if (!returning) return;
    let live = true;
    void comeBack(token).then((entry) => {
      if (!live) return;
      if (entry) setSession(new Session(entry));
      else setReturning(false);
    });
    return () => {
      live = false;
    };
  }, []);

  if (session) return <Room session={session} />;
  if (returning) return null;
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

/**
 * What a page that was killed needs to come back with no click: the devices that were on, if the browser
 * gives them without asking. `null` when it would ask: then the person sees the check.
 */
async function comeBack(token: string): Promise<Entry | null> {
  const visit = loadVisit(token);
  const choice = loadChoice();
  const [mayHear, maySee] = await Promise.all([isGranted('microphone'), isGranted('camera')]);
  if ((!visit.muted && !mayHear) || (visit.camera && !maySee)) return null;
  const open = (wanted: boolean, opened: () => Promise<MediaStreamTrack>) =>
    wanted ? opened().catch(() => null) : Promise.resolve(null);
  const [audio, video] = await Promise.all([
    open(choice.audio && mayHear, () => openMicrophone(choice.microphone)),
    open(visit.camera, () => openCamera(choice.camera)),
  ]);
  return {
    url: socketUrl(),
    token,
    language: language.value,
    choice,
    tracks: { audio, video },
    muted: visit.muted || audio === null,
    camera: visit.camera && video !== null,
  };
}
