// Like inlined_program.cc, in Rust.
use std::hint::black_box;

struct Shelf<T> {
    stock: Vec<T>,
}

#[inline(always)]
fn order(size: usize) -> Vec<u8> {
    Vec::with_capacity(1000 * size)
}

impl Shelf<u8> {
    #[inline(never)]
    fn deliver(size: usize) -> Self {
        Shelf { stock: order(size) }
    }
}

fn main() {
    let shelf = black_box(Shelf::<u8>::deliver(black_box(333)));
    std::mem::forget(shelf.stock);
}
