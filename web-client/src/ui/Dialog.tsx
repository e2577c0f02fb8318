/** A native modal dialog that is open as long as it is rendered; and one that asks before what is final. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../i18n/index.ts';

interface Props {
  title: string;
  onClose(): void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    <dialog ref={element} onClose={onClose} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  /** What the button that does it says. */
  word: string;
  testid: string;
  onConfirm(): void;
  onClose(): void;
}

export function Confirm({ title, text, word, testid, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <div class="dialog-actions">
        <button class="pill" onClick={onClose}>
          {t('cancel')}
        </button>
        <button
          class="pill danger"
          data-testid={testid}
          onClick={() => {
            onClose();
            onConfirm();
          }}
        >
          {word}
        </button>
      </div>
    </Dialog>
  );
}
