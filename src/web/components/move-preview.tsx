/** A small moving picture of a camera movement, on the shot's own image. */
export function MovePreview({ movement, picture }: { movement: string; picture: string | null }) {
  const known = /^[a-z0-9_]+$/.test(movement) ? movement : 'none';
  return (
    <span className="move-preview" aria-hidden="true">
      {picture ? (
        <span className={`move-picture move-${known}`} style={{ backgroundImage: `url("${picture}")` }} />
      ) : (
        <span className={`move-picture move-blank move-${known}`} />
      )}
    </span>
  );
}
