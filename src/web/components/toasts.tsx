import { hideToast } from '../state/notices';
import { useStore } from '../state/store';

/** Short news at the edge of the page; each leaves by itself. */
export function Toasts() {
  const toasts = useStore((state) => state.toasts);
  return (
    <div className="toasts" aria-live="polite">
      {toasts.map(({ id, text, action }) => (
        <div className="toast" key={id}>
          <span>{text}</span>
          {action && (
            <button
              type="button"
              className="button small"
              onClick={() => {
                hideToast(id);
                action.run();
              }}
            >
              {action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
