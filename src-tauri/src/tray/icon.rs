//! The tray's icon: the paw, and in its corner a sign of how TaskPaw is. A shape of its own for each mood, since
//! colours alone tell nothing to many people, and nothing at all in a panel that draws icons in one colour.

use super::mood::Mood;

/// The place that everything is drawn in; the icon's size only says how finely it is looked at.
const SIDE: f32 = 32.0;
/// How many samples are taken of each pixel, in each direction: soft edges.
const LOOKS: u32 = 4;

type Colour = [u8; 3];

const PAPER: Colour = [255, 255, 255];
/// The accent of the window.
const PAW: Colour = [0x0c, 0x6a, 0x6b];
const BUSY: Colour = [0x2f, 0x5f, 0xc4];
const QUIET: Colour = [0x5c, 0x64, 0x70];
const TRYING: Colour = [0xf2, 0xa9, 0x00];
const BROKEN: Colour = [0xc6, 0x28, 0x28];
const INK: Colour = [0x1d, 0x1d, 0x1d];

/// The four toes and the pad of the window's own sign: centre, radii, and how far each is turned, in degrees.
const PARTS: [(f32, f32, f32, f32, f32); 5] = [
    (8.9, 14.6, 2.2, 2.9, -24.0),
    (13.4, 10.1, 2.3, 3.1, -8.0),
    (18.6, 10.1, 2.3, 3.1, 8.0),
    (23.1, 14.6, 2.2, 2.9, 24.0),
    (16.0, 20.2, 6.1, 4.6, 0.0),
];
/// The middle of the sign in the corner, and its radius.
const SIGN: (f32, f32, f32) = (23.6, 23.6, 8.0);
/// Around it nothing is drawn, so that it stands out.
const GAP: f32 = 1.6;

/// The icon as rows of red, green, blue and opacity.
pub(super) fn draw(mood: Mood, size: u32) -> Vec<u8> {
    let step = SIDE / (size * LOOKS) as f32;
    let mut pixels = Vec::with_capacity((size * size * 4) as usize);
    for (row, column) in (0..size).flat_map(|row| (0..size).map(move |column| (row, column))) {
        let mut sum = [0_u32; 3];
        let mut hits = 0;
        for look in 0..LOOKS * LOOKS {
            let x = ((column * LOOKS + look % LOOKS) as f32 + 0.5) * step;
            let y = ((row * LOOKS + look / LOOKS) as f32 + 0.5) * step;
            if let Some(colour) = at(mood, x, y) {
                hits += 1;
                for (sum, part) in sum.iter_mut().zip(colour) {
                    *sum += u32::from(part);
                }
            }
        }
        let mean = |sum: u32| sum.checked_div(hits).unwrap_or_default() as u8;
        pixels.extend(sum.map(mean));
        pixels.push((hits * 255 / (LOOKS * LOOKS)) as u8);
    }
    pixels
}

/// The colour at a place; none: nothing is drawn there.
fn at(mood: Mood, x: f32, y: f32) -> Option<Colour> {
    if mood != Mood::Well {
        let (middle_x, middle_y, radius) = SIGN;
        let (x, y) = (x - middle_x, y - middle_y);
        if let Some(colour) = sign(mood, x, y) {
            return Some(colour);
        }
        if distance(x, y) < radius + GAP {
            return None;
        }
    }
    if PARTS.iter().any(|part| is_in_ellipse(*part, x, y)) {
        return Some(PAPER);
    }
    is_in_tile(x, y).then_some(PAW)
}

/// The sign for a mood, around its own middle.
fn sign(mood: Mood, x: f32, y: f32) -> Option<Colour> {
    let is_in_disc = distance(x, y) < SIGN.2;
    match mood {
        Mood::Well => None,
        // Two bars: it rests.
        Mood::Quiet => {
            let is_bar = (x.abs() - 2.3).abs() < 1.1 && y.abs() < 4.0;
            is_in_disc.then_some(if is_bar { PAPER } else { QUIET })
        }
        // Three dots: wait.
        Mood::Busy => {
            let is_dot = [-4.2, 0.0, 4.2].iter().any(|middle| distance(x - middle, y) < 1.5);
            is_in_disc.then_some(if is_dot { PAPER } else { BUSY })
        }
        // A triangle with a mark of exclamation.
        Mood::Trying => {
            let is_mark = x.abs() < 1.1 && ((-3.4..1.8).contains(&y) || (3.2..5.4).contains(&y));
            let is_in_triangle = y < 7.0 && x.abs() < (y + 8.0) * 0.56;
            is_in_triangle.then_some(if is_mark { INK } else { TRYING })
        }
        // A cross.
        Mood::Broken => {
            let is_cross = (x.abs() - y.abs()).abs() < 1.7 && x.abs().max(y.abs()) < 4.2;
            is_in_disc.then_some(if is_cross { PAPER } else { BROKEN })
        }
    }
}

fn is_in_ellipse(
    (middle_x, middle_y, wide, high, turned): (f32, f32, f32, f32, f32),
    x: f32,
    y: f32,
) -> bool {
    let (sine, cosine) = turned.to_radians().sin_cos();
    let (x, y) = (x - middle_x, y - middle_y);
    let (along, across) = (x * cosine + y * sine, y * cosine - x * sine);
    distance(along / wide, across / high) < 1.0
}

/// A square with round corners, as the window's own sign has.
fn is_in_tile(x: f32, y: f32) -> bool {
    let (half, round) = (SIDE / 2.0, 9.0);
    let beyond = |at: f32| ((at - half).abs() - (half - round)).max(0.0);
    distance(beyond(x), beyond(y)) < round
}

/// From the middle. `hypot` would do it as well, and would ask for a newer C library than the rest of the app does.
fn distance(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOODS: [Mood; 5] = [Mood::Quiet, Mood::Well, Mood::Busy, Mood::Trying, Mood::Broken];

    /// As a panel shows it that knows one colour: only where there is something, and how bright it is there.
    fn in_grey(mood: Mood) -> Vec<(bool, bool)> {
        let pixels = draw(mood, 22);
        let grey = |pixel: &[u8]| {
            let brightness = pixel[..3].iter().map(|part| u32::from(*part)).sum::<u32>() / 3;
            (pixel[3] > 127, brightness > 127)
        };
        pixels.chunks_exact(4).map(grey).collect()
    }

    #[test]
    fn each_mood_has_a_shape_of_its_own_also_without_colour() {
        for (at, one) in MOODS.into_iter().enumerate() {
            for other in &MOODS[at + 1..] {
                let (one_grey, other_grey) = (in_grey(one), in_grey(*other));
                let differ = one_grey.iter().zip(&other_grey).filter(|(one, other)| one != other).count();
                assert!(differ >= 10, "{one:?} and {other:?} differ in {differ} of 484 pixels");
            }
        }
    }

    #[test]
    fn it_is_drawn_in_any_size() {
        for size in [1, 16, 22, 48] {
            let pixels = draw(Mood::Broken, size);
            assert_eq!(pixels.len(), (size * size * 4) as usize);
        }
        let corner = &draw(Mood::Well, 32)[..4];
        assert_eq!(corner[3], 0, "the corners are round");
    }
}
