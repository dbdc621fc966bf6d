import type { AspectRatio } from '../../contract/form';
import { aspectRatios } from '../../contract/limits';
import { useText } from '../i18n';
import { shapeOf } from '../pictures/ratio';
import styles from './format-field.module.css';

const longSidePx = 30;

/** The ratio of the film, chosen among pictures of it. */
export function FormatField({ ratio, onChoose }: { ratio: AspectRatio; onChoose: (ratio: AspectRatio) => void }) {
  const text = useText();
  return (
    <fieldset className={styles.format} role="radiogroup" aria-label={text('settings.format')}>
      <legend>{text('settings.format')}</legend>
      {aspectRatios.map((one) => (
        <label key={one}>
          <input type="radio" name="film-format" checked={one === ratio} onChange={() => onChoose(one)} />
          <span className={styles.room} aria-hidden="true">
            <span className={styles.picture} style={sidesOf(one)} />
          </span>
          <span>{one}</span>
        </label>
      ))}
    </fieldset>
  );
}

function sidesOf(ratio: AspectRatio) {
  const shape = shapeOf(ratio);
  return { width: longSidePx * Math.min(1, shape), height: longSidePx / Math.max(1, shape) };
}
