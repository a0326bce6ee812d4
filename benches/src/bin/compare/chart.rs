//! The ratios as a chart: a bar for each row, on a scale of powers of two. To the left of the middle smarm takes less time, to the right more.

use std::fmt::Write;

use crate::page::Row;

const LEFT: f64 = 250.0;
const HEIGHT: f64 = 18.0;
const TOP: f64 = 40.0;
/// Pixels for a factor of two.
const DOUBLING: f64 = 75.0;
/// Factors of two on each side. What is beyond is cut off, and its figure stands beside it.
const REACH: f64 = 4.0;
const MIDDLE: f64 = LEFT + DOUBLING * REACH;
const RIGHT: f64 = MIDDLE + DOUBLING * REACH;

pub(crate) fn svg(rows: &[Row]) -> String {
    let bottom = TOP + HEIGHT * rows.len() as f64;
    let (width, height) = (RIGHT + 60.0, bottom + 12.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{MIDDLE}\" y=\"14\" text-anchor=\"middle\">smarm's time / the best rival's</text>\n"
    );
    for doublings in -(REACH as i32)..=REACH as i32 {
        text += &scale_line(doublings, bottom);
    }
    for (number, row) in rows.iter().enumerate() {
        text += &bar(row, TOP + HEIGHT * number as f64);
    }
    text + "</svg>\n"
}

fn scale_line(doublings: i32, bottom: f64) -> String {
    let x = MIDDLE + DOUBLING * f64::from(doublings);
    let colour = if doublings == 0 { "black" } else { "#ccc" };
    let factor = 2_f64.powi(doublings);
    format!(
        "<line x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"{colour}\"/>\n\
         <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{factor}</text>\n",
        TOP - 4.0,
        TOP - 8.0
    )
}

fn bar(row: &Row, y: f64) -> String {
    let place = |ratio: f64| MIDDLE + DOUBLING * ratio.log2().clamp(-REACH, REACH);
    let [least, ratio, most] = row.wall;
    let (from, to) = (place(ratio).min(MIDDLE), place(ratio).max(MIDDLE));
    let (colour, middle) = (if ratio > 1.0 { "#d66" } else { "#69c" }, y + HEIGHT / 2.0);
    let mut text = String::new();
    write!(
        text,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}, {} / {}</text>\n\
         <rect x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>\n\
         <line x1=\"{:.1}\" y1=\"{middle}\" x2=\"{:.1}\" y2=\"{middle}\" stroke=\"#333\"/>\n\
         <text x=\"{}\" y=\"{}\">{ratio:.2}</text>\n",
        LEFT - 8.0,
        y + 13.0,
        row.workload,
        row.workers,
        row.rival,
        y + 3.0,
        (to - from).max(1.0),
        HEIGHT - 6.0,
        place(least),
        place(most),
        RIGHT + 8.0,
        y + 13.0,
    )
    .expect("a string takes all");
    text
}
