//! Numbers and tables as text.

/// Three digits at most, no more than are meant.
pub fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 1e6 => format!("{number:.1e}"),
        size if size >= 10.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

pub fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1e-6 => format!("{:.0} ns", seconds * 1e9),
        seconds if seconds < 1e-3 => format!("{} µs", short(seconds * 1e6)),
        seconds if seconds < 1.0 => format!("{} ms", short(seconds * 1e3)),
        seconds => format!("{} s", short(seconds)),
    }
}

/// 1,000,000
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits"))
        .collect();
    groups.join(",")
}

/// 10³ for a power of ten, else the number.
pub fn power(number: f64) -> String {
    const SUPERSCRIPTS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let exponent = number.log10().round();
    match exponent as usize {
        exponent @ 3..=9 if (number / 10_f64.powi(exponent as i32) - 1.0).abs() < 1e-9 => {
            format!("10{}", SUPERSCRIPTS[exponent])
        }
        _ if number < 1.0 => format!("{number}"),
        _ => format!("{number:.0}"),
    }
}

/// Of an axis, where lines are close: 1, 2 and 5, and their multiples by powers of ten.
pub fn tick(value: f64) -> String {
    let leading = value / 10_f64.powf((value.log10() + 1e-9).floor());
    let told = [1.0, 2.0, 5.0].iter().any(|digit| (leading - digit).abs() < 1e-6);
    match value {
        _ if !told => String::new(),
        value if value >= 1e5 => format!("1e{:.0}", value.log10()),
        value if value >= 1.0 => format!("{value:.0}"),
        value => format!("{}", (value * 1e6).round() / 1e6),
    }
}

/// A table, its first column to the left.
pub fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|---|{}\n", "--:|".repeat(head.len() - 1));
    line(head) + &rule + &rows.iter().map(|row| line(row)).collect::<String>() + "\n"
}
