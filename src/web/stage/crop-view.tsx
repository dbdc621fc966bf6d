import type { CSSProperties } from 'react';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { Button } from '../ui/button';
import { classes } from '../ui/classes';
import styles from './crop-view.module.css';
import type { Crop } from './use-crop';

/** Dims the parts of the still that the clip will not show. */
export function CropView({ crop: { shape, sides, ends } }: { crop: Crop }) {
  const part = (value: number) => `${value * 100}%`;
  const bars: CSSProperties[] =
    sides > 0
      ? [
          { inset: `0 auto 0 0`, width: part(sides) },
          { inset: `0 0 0 auto`, width: part(sides) },
        ]
      : [
          { inset: `0 0 auto 0`, height: part(ends) },
          { inset: `auto 0 0 0`, height: part(ends) },
        ];
  return (
    <span className={styles.crop} data-testid="crop" aria-hidden="true">
      <span className={styles.frame} data-testid="crop-frame" style={{ '--shape': shape } as CSSProperties}>
        {bars.map((style, index) => (
          <span key={index} style={style} />
        ))}
      </span>
    </span>
  );
}

/** Says that the ratio cuts the picture, and offers the one that cuts least. */
export function CropNote({ workspace, crop, className }: { workspace: Workspace; crop: Crop; className?: string }) {
  const text = useText();
  const { better } = crop;
  return (
    <p className={classes(className, styles.note)}>
      {text('stage.crop', { ratio: workspace.form_data.aspect_ratio })}
      {better && (
        <Button size="small" className={styles.use} onClick={() => editForm(workspace._id, { aspect_ratio: better })}>
          {text('stage.useRatio', { ratio: better })}
        </Button>
      )}
    </p>
  );
}
