//! A table, and how it is laid out on a terminal.

use unicode_width::UnicodeWidthStr;

/// A number, the digits of which line up, and what follows it: its error, or the index of its row.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub number: String,
    pub rest: String,
}

impl Cell {
    pub fn new(number: String, rest: String) -> Cell {
        Cell { number, rest }
    }
}

impl From<String> for Cell {
    fn from(number: String) -> Cell {
        Cell::new(number, String::new())
    }
}

/// Rows of numbers, each with a name.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Above the names.
    pub corner: &'static str,
    /// One for each column; all empty for a table that needs none.
    pub header: Vec<String>,
    pub rows: Vec<(String, Vec<Cell>)>,
}

impl Table {
    /// The table as lines of at most `width` columns where that is possible: columns for which there is no room
    /// follow below, with the names again.
    pub fn lines(&self, width: usize) -> String {
        let names = self.names();
        let room = width.saturating_sub(names[0].width());
        let mut blocks: Vec<Vec<Vec<String>>> = Vec::new();
        let mut used = 0;
        for column in (0..self.header.len()).map(|at| self.column(at)) {
            let wide = column[0].width();
            match blocks.last_mut() {
                Some(block) if used + wide <= room => block.push(column),
                _ => {
                    blocks.push(vec![column]);
                    used = 0;
                }
            }
            used += wide;
        }
        let mut text = String::new();
        let has_header = !self.header.iter().all(String::is_empty);
        for (number, block) in blocks.iter().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            for line in usize::from(!has_header)..names.len() {
                let cells: String = block.iter().map(|column| column[line].as_str()).collect();
                text += format!("{}{cells}", names[line]).trim_end();
                text.push('\n');
            }
        }
        text
    }

    /// The corner and the names, all equally wide.
    fn names(&self) -> Vec<String> {
        let names = self.rows.iter().map(|(name, _)| name.as_str());
        let names: Vec<&str> = [self.corner].into_iter().chain(names).collect();
        let wide = widest(&names);
        names.into_iter().map(|name| left(name, wide)).collect()
    }

    /// The header and the cells of a column, all equally wide, with the gap before them.
    fn column(&self, at: usize) -> Vec<String> {
        let cells: Vec<Cell> =
            self.rows.iter().map(|(_, cells)| cells.get(at).cloned().unwrap_or_default()).collect();
        let numbers = cells.iter().map(|cell| cell.number.as_str()).collect::<Vec<_>>();
        let rests = cells.iter().map(|cell| cell.rest.as_str()).collect::<Vec<_>>();
        let [number, rest] = [widest(&numbers), widest(&rests)];
        let cells = numbers.iter().zip(&rests).map(|(n, r)| right(n, number) + &left(r, rest));
        let column: Vec<String> = [self.header[at].clone()].into_iter().chain(cells).collect();
        let wide = widest(&column.iter().map(String::as_str).collect::<Vec<_>>());
        column.iter().map(|cell| format!("  {}", right(cell, wide))).collect()
    }
}

fn widest(texts: &[&str]) -> usize {
    texts.iter().map(|text| text.width()).max().unwrap_or(0)
}

fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}
