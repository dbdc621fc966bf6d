import type { Charge, Money } from '../../contract/money';
import { useText } from '../i18n';
import { useMoney } from '../ui/money';
import styles from './day-chart.module.css';
import { byDay, spentOn } from './spending';
import { daysShown } from './use-costs';

const width = 600;
const height = 90;
const gap = 4;

/** What was spent on each of the last days, one chart for each currency. */
export function DayChart({ charges }: { charges: readonly Charge[] }) {
  const text = useText();
  const currencies = [...new Set(charges.flatMap((charge) => spentOn(charge)?.currency ?? []))];
  if (currencies.length === 0) return null;
  return (
    <section className={styles.charts} aria-labelledby="costs-days">
      <h2 id="costs-days">{text('costs.byDay', { count: daysShown })}</h2>
      {currencies.map((currency) => (
        <Chart key={currency} charges={charges} currency={currency} />
      ))}
    </section>
  );
}

function Chart({ charges, currency }: { charges: readonly Charge[]; currency: Money['currency'] }) {
  const text = useText();
  const { money } = useMoney();
  const days = byDay(charges, currency, new Date(), daysShown);
  const most = Math.max(...days.map(({ micros }) => micros));
  if (most === 0) return null;
  const step = width / days.length;
  const spentDays = days.filter(({ micros }) => micros > 0);
  const words = spentDays.map(({ date, micros }) => `${date}: ${money({ currency, micros })}`);

  return (
    <figure>
      <svg className={styles.chart} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={words.join(', ')}>
        <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
        {days.map(({ date, micros }, index) => {
          const tall = (micros / most) * (height - 2);
          return (
            <rect key={date} x={index * step + gap / 2} y={height - tall} width={step - gap} height={tall} rx="2">
              <title>{`${date}: ${money({ currency, micros })}`}</title>
            </rect>
          );
        })}
      </svg>
      <figcaption className={styles.ends}>
        <span>{days[0]!.date}</span>
        <span>{text('costs.mostOfDay', { money: money({ currency, micros: most }) })}</span>
        <span>{days.at(-1)!.date}</span>
      </figcaption>
    </figure>
  );
}
