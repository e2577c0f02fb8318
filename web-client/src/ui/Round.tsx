/** A round button: an icon whose words are its label. */
import { Icon, type IconName } from './Icon.tsx';

interface Props {
  icon: IconName;
  label: string;
  testid: string;
  pressed?: boolean;
  off?: boolean;
  disabled?: boolean;
  onClick(): void;
  class?: string;
}

export function Round({ icon, label, testid, pressed, off, disabled, onClick, ...rest }: Props) {
  return (
    <button
      class={`round ${rest.class ?? ''}`}
      data-testid={testid}
      data-off={off}
      aria-pressed={pressed}
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
