//! SVG charts for the HTML report.

use super::figures;
use std::fmt::Write;

/// The scale of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Linear, starting at zero.
    Linear,
    /// Logarithmic.
    Log,
    /// Percentiles: 90, 99, 99.9 … at equal distances.
    Percentile,
}

/// The unit of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Seconds since the start.
    Seconds,
    /// A number of items.
    Count,
    /// Bytes.
    Bytes,
    /// A share, from 0 to 1.
    Share,
    /// A percentile.
    Percentile,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Time => figures::time(value),
            Self::Seconds => format!("{value} s"),
            Self::Count => figures::short_count(value),
            Self::Bytes => figures::bytes(value),
            Self::Share => figures::percent(value),
            Self::Percentile => format!("{value}"),
        }
    }
}

/// An axis.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// The scale.
    pub scale: Scale,
    /// The unit.
    pub unit: Unit,
}

/// A curve.
#[derive(Clone, Debug)]
pub struct Series {
    /// The curve's name.
    pub name: String,
    /// The points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A chart: curves on one pair of axes.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The title.
    pub title: &'static str,
    /// One sentence that explains the chart.
    pub note: &'static str,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The curves.
    pub series: Vec<Series>,
}

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;

/// The number of colours; further curves reuse them.
pub const COLOURS: usize = 6;

/// An axis with its range, in values and in pixels.
struct Span {
    axis: Axis,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Span {
    fn place(&self, value: f64) -> f64 {
        let (low, high) =
            (position(self.axis.scale, self.low), position(self.axis.scale, self.high));
        let part = (position(self.axis.scale, value) - low) / (high - low).max(f64::MIN_POSITIVE);
        self.from + (self.to - self.from) * part.clamp(0.0, 1.0)
    }
}

fn position(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
        Scale::Percentile => -(1.0 - value.min(99.999_99) / 100.0).log10(),
    }
}

impl Chart {
    /// True if there is no curve to draw.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.len() < 2)
    }

    /// Returns the chart as an HTML figure.
    pub fn figure(&self) -> String {
        let x = self.span(self.x, |point| point.0, LEFT, WIDTH - RIGHT, 1.0);
        let y = self.span(self.y, |point| point.1, HEIGHT - BOTTOM, TOP, 1.08);
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<figure><figcaption><h3>{}</h3><p>{}</p>{}</figcaption>\n\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
            self.title,
            self.note,
            self.legend(),
            self.title
        );
        for (value, is_named) in ticks(&y) {
            let at = y.place(value);
            let class = if is_named { "grid" } else { "grid faint" };
            let _ =
                writeln!(out, "<path class=\"{class}\" d=\"M{LEFT} {at:.1}H{}\"/>", WIDTH - RIGHT);
            if is_named {
                let text = self.y.unit.show(value);
                let _ = writeln!(
                    out,
                    "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                    LEFT - 8.0,
                    at + 4.0
                );
            }
        }
        for (value, is_named) in ticks(&x) {
            let at = x.place(value);
            if is_named {
                let text = self.x.unit.show(value);
                let _ = writeln!(
                    out,
                    "<path class=\"grid faint\" d=\"M{at:.1} {TOP}V{}\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                    HEIGHT - BOTTOM,
                    HEIGHT - BOTTOM + 20.0
                );
            }
        }
        for (index, series) in self.series.iter().enumerate() {
            self.curve(&mut out, series, index % COLOURS, &x, &y);
        }
        out.push_str("</svg></figure>\n");
        out
    }

    fn legend(&self) -> String {
        let entry = |(index, series): (usize, &Series)| {
            format!("<span class=\"key s{}\">{}</span>", index % COLOURS, escaped(&series.name))
        };
        match self.series.len() {
            0 | 1 => String::new(),
            _ => self.series.iter().enumerate().map(entry).collect::<Vec<_>>().join(" "),
        }
    }

    fn curve(&self, out: &mut String, series: &Series, colour: usize, x: &Span, y: &Span) {
        let places = series.points.iter().map(|point| (x.place(point.0), y.place(point.1)));
        let places: Vec<(f64, f64)> = places.collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _ = writeln!(out, "<polyline class=\"line s{colour}\" points=\"{}\"/>", path.join(" "));
        // Invisible circles carry the tooltips.
        for ((at_x, at_y), point) in places.iter().zip(&series.points) {
            let x_text = match self.x.unit {
                Unit::Percentile => format!("p{:.3}", point.0),
                Unit::Seconds => format!("{:.1} s", point.0),
                unit => unit.show(point.0),
            };
            let text =
                format!("{}: {x_text}, {}", escaped(&series.name), self.y.unit.show(point.1));
            let _ = writeln!(
                out,
                "<circle class=\"dot s{colour}\" cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"4\"><title>{text}</title></circle>"
            );
        }
    }

    /// Computes the range of an axis. `headroom` is the factor by which a linear scale exceeds its
    /// highest value.
    fn span(
        &self,
        axis: Axis,
        value: impl Fn(&(f64, f64)) -> f64,
        from: f64,
        to: f64,
        headroom: f64,
    ) -> Span {
        let values = self.series.iter().flat_map(|series| series.points.iter().map(&value));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        values.filter(|value| value.is_finite()).for_each(|value| {
            low = low.min(value);
            high = high.max(value);
        });
        // Without values, the range is empty.
        let (low, high) = if low > high { (0.0, 0.0) } else { (low, high) };
        let (low, high) = match axis.scale {
            Scale::Linear => (0.0, (high * headroom).max(1e-9)),
            Scale::Percentile => (0.0, high.max(99.0)),
            // At least one decade; otherwise the last digit would fill the chart.
            Scale::Log => {
                let low = low.max(1.0);
                (low / 1.3, (high * 1.3).max(low * 10.0))
            }
        };
        Span { axis, low, high, from, to }
    }
}

/// Returns the ticks of an axis, and for each whether it has a label.
fn ticks(span: &Span) -> Vec<(f64, bool)> {
    match span.axis.scale {
        Scale::Percentile => {
            let all = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];
            all.into_iter().filter(|tick| *tick <= span.high).map(|tick| (tick, true)).collect()
        }
        Scale::Linear => {
            // Ticks of bytes are multiples of KiB or MiB.
            let whole = match span.axis.unit {
                Unit::Bytes if span.high >= 1_048_576.0 => 1_048_576.0,
                Unit::Bytes if span.high >= 10_240.0 => 1_024.0,
                _ => 1.0,
            };
            let rough = (span.high - span.low) / 5.0 / whole;
            let power = 10f64.powf(rough.log10().floor());
            let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * power);
            let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough) * whole;
            let count = ((span.high - span.low) / step).floor() as u32;
            (0..=count).map(|index| (span.low + f64::from(index) * step, true)).collect()
        }
        Scale::Log => {
            let (first, last) = (span.low.log10().floor() as i32, span.high.log10().ceil() as i32);
            let are_few = last - first <= 3;
            let decade =
                |power: i32| (1..10).map(move |part| (f64::from(part) * 10f64.powi(power), part));
            let all = (first..=last).flat_map(decade);
            let seen = all.filter(|(value, _)| *value >= span.low && *value <= span.high);
            seen.map(|(value, part)| (value, part == 1 || are_few && (part == 2 || part == 5)))
                .collect()
        }
    }
}

/// Escapes text for HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        Chart {
            title: "a title",
            note: "a note",
            x: Axis { scale: Scale::Percentile, unit: Unit::Percentile },
            y: Axis { scale: Scale::Log, unit: Unit::Time },
            series: vec![Series { name: "<one>".to_owned(), points }],
        }
    }

    #[test]
    fn a_curve_stays_within_its_frame_and_names_are_harmless() {
        let chart = chart(vec![(0.0, 1e3), (90.0, 1e6), (99.999, 5e9)]);
        let figure = chart.figure();
        assert!(figure.contains("&lt;one&gt;") && !figure.contains("<one>"));
        for text in ["99.999", "1.00 ms", "5.00 s"] {
            assert!(figure.contains(text), "{text} in {figure}");
        }
        assert!(!figure.contains("NaN") && !figure.contains("inf"));
    }

    #[test]
    fn nothing_to_see_and_all_the_same_are_no_trouble() {
        assert!(chart(Vec::new()).is_empty());
        for points in [vec![], vec![(50.0, 0.0), (60.0, 0.0)], vec![(0.0, 7.0), (50.0, 7.0)]] {
            let mut chart = chart(points);
            for scale in [Scale::Linear, Scale::Log] {
                chart.y.scale = scale;
                let figure = chart.figure();
                assert!(!figure.contains("NaN") && !figure.contains("inf"), "{figure}");
            }
        }
    }
}
