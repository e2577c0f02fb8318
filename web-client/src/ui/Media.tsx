/** A received or own track as an ordinary element. */
import { useEffect, useRef, useState } from 'preact/hooks';

interface Props {
  kind: 'audio' | 'video';
  track: MediaStreamTrack;
  muted?: boolean;
  class?: string;
  /** The browser will not play without a gesture. */
  onRefused?: () => void;
  /** Whether a picture is there. */
  onPicture?: (there: boolean) => void;
}

export function Media({ kind, track, muted = false, onRefused, onPicture, ...rest }: Props) {
  const element = useRef<HTMLMediaElement>(null);
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const media = element.current;
    if (!media) return;
    media.srcObject = new MediaStream([track]);
    media.play().catch((error: unknown) => {
      if (error instanceof Error && error.name === 'NotAllowedError') onRefused?.();
    });
    return () => {
      media.srcObject = null;
    };
  }, [track]);
  if (kind === 'audio') {
    return <audio ref={element as never} autoplay muted={muted} />;
  }
  const picture = () => {
    setShown(true);
    onPicture?.(true);
  };
  return (
    <video
      ref={element as never}
      autoplay
      playsInline
      muted={muted}
      class={rest.class}
      data-picture={shown}
      onLoadedData={picture}
      onResize={picture}
    />
  );
}
