//! Plans survive encoding; bytes that are no plan are refused.

use assay_network_plan::*;
use proptest::prelude::*;

fn header() -> Header {
    Header {
        input_len: 1,
        ops: 2,
        steps: 3,
        ops_offset: 4,
        steps_offset: 5,
    }
}

/// One record of every kind, filled with `seed`.
fn records(seed: &[u8; Op::LEN]) -> Vec<[u8; Op::LEN]> {
    let with_kind = |kind: u32| {
        let mut bytes = *seed;
        bytes[..4].copy_from_slice(&kind.to_le_bytes());
        bytes
    };
    (0..11).map(with_kind).collect()
}

proptest! {
    #[test]
    fn a_header_survives_encoding(input_len: u32, ops: u32, steps: u32, ops_offset: u64, steps_offset: u64) {
        let header = Header { input_len, ops, steps, ops_offset, steps_offset };
        prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn a_step_survives_encoding(op: u32, from: [u32; RANK], to: [u32; RANK]) {
        let step = Step { op, reserved: 0, from, to, reserved_end: 0 };
        let mut bytes = [0; Step::LEN];
        step.put(&mut bytes);
        prop_assert_eq!(Step::get(&bytes), Ok(step));
    }

    #[test]
    fn whatever_decodes_as_an_operator_encodes_to_the_same_fields(seed in prop::collection::vec(0..4_u8, Op::LEN)) {
        // Selectors are small numbers in the lowest byte of a word; the operations of instructions are among them.
        let mut seed: [u8; Op::LEN] = seed.try_into().unwrap();
        seed.iter_mut().enumerate().filter(|(i, _)| i % 4 != 0).for_each(|(_, byte)| *byte = 0);
        for record in records(&seed) {
            let op = Op::decode(&record).unwrap();
            let bytes = op.encode();
            prop_assert_eq!(Op::decode(&bytes), Ok(op));
            let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            prop_assert_eq!(&bytes[..len], &record[..len]);
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (Header::decode(&bytes), Op::decode(&bytes), Step::get(&bytes));
    }
}

#[test]
fn a_header_that_is_not_one_is_refused_by_name() {
    let bytes = header().encode();
    assert_eq!(Header::decode(&bytes[..63]), Err(DecodeError::Truncated));
    let mut other = bytes;
    other[0] ^= 1;
    assert_eq!(Header::decode(&other), Err(DecodeError::BadMagic));
    let mut other = bytes;
    other[8] += 1;
    assert_eq!(Header::decode(&other), Err(DecodeError::UnknownVersion));
}

#[test]
fn an_operator_that_is_not_one_is_refused_by_name() {
    let op = Op::from(Elementwise {
        dims: [1; RANK],
        out: View::NONE,
        count: 0,
        inputs: [View::NONE; INPUTS_MAX],
        code: Code::NONE,
    });
    let with = |offset: usize, value: u8| {
        let mut bytes = op.encode();
        bytes[offset] = value;
        Op::decode(&bytes)
    };
    assert_eq!(
        Op::decode(&op.encode()[..Op::LEN - 1]),
        Err(DecodeError::Truncated)
    );
    assert_eq!(with(0, 99), Err(DecodeError::UnknownOperator));
    assert_eq!(with(4 + 24 + 8, 99), Err(DecodeError::UnknownElement));
    assert_eq!(with(4 + 208 + 16, 99), Err(DecodeError::UnknownOperation));
    assert_eq!(
        with(4 + 208 + 16, Operation::Exp as u8).unwrap().name(),
        "Elementwise"
    );
}

#[test]
fn record_lengths_are_those_that_the_format_documents() {
    assert_eq!((Header::LEN, Step::LEN, Op::LEN), (64, 64, 512));
    assert_eq!(
        (View::LEN, Instruction::LEN, Finish::LEN, Window::LEN),
        (36, 8, 124, 56)
    );
    assert_eq!((Elementwise::LEN, Reduce::LEN, Normalize::LEN), (496, 104, 180));
    assert_eq!((MatMul::LEN, Conv::LEN, Pool::LEN), (276, 248, 96));
    assert_eq!(
        (Take::LEN, Put::LEN, TopK::LEN, CumSum::LEN, Halt::LEN),
        (40, 44, 144, 108, 4)
    );
}
