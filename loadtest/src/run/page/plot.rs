//! Small plots as SVG: lines, bars and dots over axes that say their unit. Colours come from classes,
//! so that the page, or the file's own style, decides between light and dark.

use std::fmt::Write as _;

use super::escape;

/// The drawing's size in its own units; it is scaled to the width it gets.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 270.0;

/// Room for the axes' words: to the left for six digits beside the title.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;

/// The most points a line has; more are put together, for no screen shows them.
pub(super) const POINTS: usize = 260;

/// How values are laid out along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Evenly, from 0.
    Linear,
    /// By powers of ten.
    Log,
}

/// An axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What it shows, with its unit.
    pub(crate) title: String,
    pub(crate) scale: Scale,
    /// The only places that are named, when they are not numbers.
    pub(crate) names: Vec<(f64, String)>,
}

impl Axis {
    pub(crate) fn linear(title: &str) -> Self {
        Self { title: title.to_owned(), scale: Scale::Linear, names: Vec::new() }
    }

    pub(crate) fn log(title: &str) -> Self {
        Self { title: title.to_owned(), scale: Scale::Log, names: Vec::new() }
    }
}

/// How a set of points is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Line,
    /// A line whose points are marked: few of them, each measured by itself.
    Marked,
    Bars,
    Dots,
}

/// Some points.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    pub(crate) name: String,
    /// Which colour, from 1.
    pub(crate) colour: u8,
    pub(crate) shape: Shape,
    pub(crate) at: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    /// What it shows, in words: for those who cannot see it.
    pub(crate) about: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) points: Vec<Points>,
    /// A value that should not be passed, and its name.
    pub(crate) bound: Option<(f64, String)>,
    /// What is told of a place along the x axis.
    pub(crate) told: Vec<(f64, String)>,
}

impl Plot {
    pub(crate) fn new(about: &str, x: Axis, y: Axis) -> Self {
        Self { about: about.to_owned(), x, y, points: Vec::new(), bound: None, told: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, colour: u8, shape: Shape, at: Vec<(f64, f64)>) {
        self.points.push(Points { name: name.to_owned(), colour, shape, at });
    }

    /// Whether there is anything to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.points.iter().all(|points| points.at.is_empty())
    }

    /// The drawing.
    pub(crate) fn svg(&self) -> String {
        let xs = || self.points.iter().flat_map(|points| points.at.iter().map(|at| at.0));
        let ys = || self.points.iter().flat_map(|points| points.at.iter().map(|at| at.1));
        let bound = self.bound.iter().map(|(value, _)| *value);
        let lines = self.points.iter().all(|points| points.shape == Shape::Line);
        // What is drawn as a line ends where the plot does; other shapes need a margin.
        let ends = self.x.names.iter().map(|(at, _)| at + 0.5).chain(xs());
        let x = Ruler::of(self.x.scale, ends, !lines, (LEFT, WIDTH - RIGHT));
        let y = Ruler::of(self.y.scale, ys().chain(bound), true, (HEIGHT - BOTTOM, TOP));
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(&self.about)
        );
        self.axes(&mut out, &x, &y);
        for points in &self.points {
            draw(&mut out, points, &x, &y);
        }
        if let Some((value, name)) = &self.bound {
            let at = y.at(*value);
            let _ = write!(
                out,
                "<line class=\"bound\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"bound\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                WIDTH - RIGHT,
                at - 5.0,
                escape(name)
            );
        }
        self.hover(&mut out, &x);
        out.push_str("</svg>");
        out
    }

    fn axes(&self, out: &mut String, x: &Ruler, y: &Ruler) {
        let floor = HEIGHT - BOTTOM;
        for (value, label) in y.ticks(5) {
            let at = y.at(value);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                WIDTH - RIGHT,
                LEFT - 7.0,
                at + 4.5
            );
        }
        let named = self.x.names.iter().map(|(at, name)| (*at, escape(name))).collect();
        let ticks = if self.x.names.is_empty() { x.ticks(6) } else { named };
        for (value, label) in ticks {
            let at = x.at(value);
            // What would stand beyond the edge ends at it.
            let fits = at + RIGHT < WIDTH - RIGHT || label.chars().count() <= 3;
            let anchor = if fits { "middle" } else { "end" };
            let _ = write!(
                out,
                "<line class=\"tick\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{floor}\" y2=\"{}\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>",
                floor + 4.0,
                floor + 19.0
            );
        }
        let _ = write!(
            out,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{floor}\" y2=\"{floor}\"/>\
             <text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <text class=\"axis\" x=\"14\" y=\"{}\" text-anchor=\"middle\" \
             transform=\"rotate(-90 14 {})\">{}</text>",
            WIDTH - RIGHT,
            WIDTH - RIGHT,
            HEIGHT - 7.0,
            escape(&self.x.title),
            f64::midpoint(TOP, floor),
            f64::midpoint(TOP, floor),
            escape(&self.y.title)
        );
    }

    /// Stripes over the drawing that tell, when pointed at, what there is.
    fn hover(&self, out: &mut String, x: &Ruler) {
        let place: Vec<f64> = self.told.iter().map(|(at, _)| x.at(*at)).collect();
        for (index, (_, text)) in self.told.iter().enumerate() {
            let from = match index {
                0 => LEFT,
                index => f64::midpoint(place[index - 1], place[index]),
            };
            let to = place
                .get(index + 1)
                .map_or(WIDTH - RIGHT, |next| f64::midpoint(place[index], *next));
            let _ = write!(
                out,
                "<rect class=\"hover\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{}\">\
                 <title>{}</title></rect>",
                (to - from).max(0.5),
                HEIGHT - BOTTOM - TOP,
                escape(text)
            );
        }
    }

    /// The names of what is drawn, when there is more than one.
    pub(crate) fn legend(&self) -> String {
        let mut out = String::new();
        if self.points.len() > 1 {
            out.push_str("<p class=\"legend\">");
            for points in &self.points {
                let _ = write!(
                    out,
                    "<span><i class=\"c{}\"></i>{}</span>",
                    points.colour,
                    escape(&points.name)
                );
            }
            out.push_str("</p>");
        }
        out
    }

    /// The drawing as a file of its own, with its title and its names in it.
    pub(crate) fn file(&self, title: &str) -> String {
        let svg = self.svg();
        let body = svg.split_once('>').map_or("", |(_, body)| body);
        let mut names = String::new();
        let mut at = LEFT;
        for points in self.points.iter().filter(|_| self.points.len() > 1) {
            let _ = write!(
                names,
                "<rect class=\"b{}\" x=\"{at}\" y=\"34\" width=\"12\" height=\"12\" rx=\"2\"/>\
                 <text x=\"{}\" y=\"45\">{}</text>",
                points.colour,
                at + 18.0,
                escape(&points.name)
            );
            at += 40.0 + 7.5 * points.name.chars().count() as f64;
        }
        let above = 56.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" width=\"{}\" \
             role=\"img\" aria-label=\"{}\"><style>{}</style>\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{}\"/>\
             <text class=\"title\" x=\"14\" y=\"22\">{}</text>{names}\
             <g transform=\"translate(0 {above})\">{body}</g></svg>\n",
            HEIGHT + above,
            WIDTH * 1.4,
            escape(&self.about),
            include_str!("plot.css").replace('\n', ""),
            HEIGHT + above,
            escape(title),
            // The body ends with the tag that closes its own drawing.
            body = body.strip_suffix("</svg>").unwrap_or(body)
        )
    }
}

fn draw(out: &mut String, points: &Points, x: &Ruler, y: &Ruler) {
    let colour = points.colour;
    let floor = HEIGHT - BOTTOM;
    match points.shape {
        Shape::Line | Shape::Marked => {
            let mut path = String::new();
            for (index, (px, py)) in points.at.iter().enumerate() {
                let command = if index == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{command}{:.1} {:.1}", x.at(*px), y.at(*py));
            }
            let _ = write!(out, "<path class=\"line c{colour}\" d=\"{path}\"/>");
            if points.shape == Shape::Marked || points.at.len() == 1 {
                dots(out, points, x, y);
            }
        }
        Shape::Dots => dots(out, points, x, y),
        Shape::Bars => {
            let width = bar_width(points, x);
            for (px, py) in points.at.iter().filter(|(_, py)| *py > 0.0) {
                let top = y.at(*py);
                let _ = write!(
                    out,
                    "<rect class=\"bar b{colour}\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
                     height=\"{:.1}\"/>",
                    x.at(*px) - width / 2.0,
                    (floor - top).max(1.0)
                );
            }
        }
    }
}

fn dots(out: &mut String, points: &Points, x: &Ruler, y: &Ruler) {
    for (px, py) in &points.at {
        let _ = write!(
            out,
            "<circle class=\"b{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.2\"/>",
            points.colour,
            x.at(*px),
            y.at(*py)
        );
    }
}

/// As wide as the nearest two are apart, with a hair between.
fn bar_width(points: &Points, x: &Ruler) -> f64 {
    let nearest = points
        .at
        .windows(2)
        .map(|pair| x.at(pair[1].0) - x.at(pair[0].0))
        .fold(WIDTH / 12.0, f64::min);
    (nearest * 0.86).max(1.0)
}

/// Where values lie along an axis.
#[derive(Debug)]
struct Ruler {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Ruler {
    fn of(
        scale: Scale,
        values: impl Iterator<Item = f64>,
        margin: bool,
        (from, to): (f64, f64),
    ) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            if scale == Scale::Linear || value > 0.0 {
                low = low.min(value);
                high = high.max(value);
            }
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        match scale {
            Scale::Linear => {
                low = low.min(0.0);
                if high <= low {
                    high = low + 1.0;
                } else if margin {
                    high *= 1.06;
                }
            }
            Scale::Log => {
                low = 10_f64.powf(low.max(1e-3).log10().floor());
                high = 10_f64.powf((high.max(low) * 1.05).log10().ceil());
                if high <= low {
                    high = low * 10.0;
                }
            }
        }
        Self { scale, low, high, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
        };
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values to name, about so many.
    fn ticks(&self, about: u32) -> Vec<(f64, String)> {
        if self.scale == Scale::Log {
            let decades = (self.high / self.low).log10().round() as i32;
            return (0..=decades)
                .map(|decade| self.low * 10_f64.powi(decade))
                .map(|value| (value, number(value)))
                .collect();
        }
        let step = round_step((self.high - self.low) / f64::from(about));
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|n| n as f64 * step).map(|value| (value, number(value))).collect()
    }
}

/// The next of 1, 2, 5, 10, 20 …
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= step * 0.999);
    factor.unwrap_or(10.0) * power
}

/// A number as people write it: no more digits than it is known by, thousands apart.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        _ if size >= 100.0 || size == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{size:.digits$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let mut out = if value < 0.0 { "−".to_owned() } else { String::new() };
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && whole.len() > 4 {
            out.push(',');
        }
        out.push(digit);
    }
    if !part.is_empty() {
        let _ = write!(out, ".{part}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (value, text) in [
            (0.0, "0"),
            (0.0314, "0.031"),
            (1.5, "1.5"),
            (12.34, "12.3"),
            (53_954.0, "53,954"),
            (1_234_567.0, "1,234,567"),
            (4_000.0, "4000"),
            (-3.0, "−3"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn axes_begin_and_end_at_what_they_show() {
        let ruler = Ruler::of(Scale::Linear, [0.0, 50.0].into_iter(), true, (0.0, 100.0));
        assert_eq!(ruler.at(0.0), 0.0);
        assert!((90.0..100.0).contains(&ruler.at(50.0)));
        let labels: Vec<_> = ruler.ticks(5).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0", "20", "40"]);
        let log = Ruler::of(Scale::Log, [0.3, 40.0].into_iter(), true, (0.0, 300.0));
        let labels: Vec<_> = log.ticks(5).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0.1", "1", "10", "100"]);
        assert!((log.at(1.0) - 100.0).abs() < 0.01);
    }

    #[test]
    fn nothing_to_show_is_drawn_without_harm() {
        let plot = Plot::new("nothing", Axis::linear("s"), Axis::log("ms"));
        assert!(plot.is_empty());
        assert!(!plot.svg().contains("NaN"));
    }

    #[test]
    fn words_from_elsewhere_do_not_become_tags() {
        let mut plot = Plot::new("<b>", Axis::linear("s"), Axis::linear("<i>"));
        plot.add("<u>", 1, Shape::Line, vec![(0.0, 1.0), (1.0, 2.0)]);
        plot.add("b", 2, Shape::Bars, vec![(0.0, 1.0)]);
        plot.told.push((0.0, "<script>".to_owned()));
        let text = plot.svg() + &plot.legend() + &plot.file("<h1>");
        for tag in ["<b>", "<i>", "<u>", "<script>", "<h1>"] {
            assert!(!text.contains(tag), "{tag}");
        }
    }
}
