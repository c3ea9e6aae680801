use super::*;
use assay_engine::limits::{MAX_DATA_LEN, MAX_GLOBALS, MAX_LOCALS, MAX_PROGRAM_LEN};

fn upload(who: AccountId, code: Vec<u8>) -> sp_runtime::DispatchResult {
    Models::upload_program(RuntimeOrigin::signed(who), code)
}

fn remove(who: AccountId, program: H256) -> sp_runtime::DispatchResult {
    Models::remove_program(RuntimeOrigin::signed(who), program)
}

#[test]
fn upload_program_stores_code_under_its_hash_and_holds_base_and_bytes() {
    ExtBuilder.build_and_execute(|| {
        let code = program(1);
        let hash = program_hash(&code);
        assert_ok!(upload(ALICE, code.clone()));

        let len = code.len() as u32;
        let deposit = 1_000 + 10 * u64::from(len);
        let record = ProgramRecord {
            owner: ALICE,
            deposit,
            len,
            refs: 0,
        };
        assert_eq!(Programs::<Test>::get(hash), Some(record));
        assert_eq!(
            ProgramCode::<Test>::get(hash).map(|code| code.into_inner()),
            Some(code)
        );
        assert_eq!(held(HoldReason::Program, ALICE), deposit);
        System::assert_last_event(
            Event::ProgramUploaded {
                program: hash,
                owner: ALICE,
                len,
            }
            .into(),
        );
    });
}

#[test]
fn upload_program_fails_without_a_signature() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(
            Models::upload_program(RawOrigin::None.into(), program(1)),
            DispatchError::BadOrigin
        );
    });
}

#[test]
fn upload_program_fails_for_code_that_anyone_uploaded() {
    ExtBuilder.build_and_execute(|| {
        uploaded_program(ALICE, 1);
        assert_noop!(upload(BOB, program(1)), Error::<Test>::ProgramAlreadyExists);
        assert_ok!(upload(BOB, program(2)));
    });
}

#[test]
fn upload_program_fails_for_an_account_that_cannot_pay_the_deposit() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(upload(DAVE, program(1)), TokenError::FundsUnavailable);
    });
}

#[test]
fn upload_program_names_the_broken_rule() {
    let module = |text: &str| wat::parse_str(text).unwrap();
    let step = r#"(func (export "step") (param i64) (result i64) i64.const 0)"#;
    let with = |items: &str| wasm("", items);
    let chain = |depth: u32| {
        let functions = (1..depth)
            .map(|at| format!("(func $f{at} call $f{})", at - 1))
            .collect::<String>();
        format!("(func $f0) {functions}")
    };
    let globals = "(global i32 (i32.const 0))".repeat(MAX_GLOBALS as usize + 1);
    let locals = format!("(func (local {}))", "i32 ".repeat(MAX_LOCALS as usize + 1));
    let data = format!(r#"(data (i32.const 0) "{}")"#, "x".repeat(MAX_DATA_LEN + 1));

    let cases = [
        (vec![0; MAX_PROGRAM_LEN + 1], Error::<Test>::ProgramTooLarge),
        (b"no program".to_vec(), Error::InvalidProgram),
        (
            module(r#"(module (import "assay" "random" (func)))"#),
            Error::UnknownImport,
        ),
        (
            module(r#"(module (memory (export "memory") 1 1))"#),
            Error::WrongExports,
        ),
        (
            module(&format!(r#"(module (memory (export "memory") 1 2) {step})"#)),
            Error::MemoryShape,
        ),
        (
            with("(func (result i32) i32.const 0 memory.grow)"),
            Error::MemoryGrow,
        ),
        (with("(table 1 1 funcref)"), Error::Table),
        (with("(func $start) (start $start)"), Error::StartFunction),
        (with("(func $again call $again)"), Error::Recursion),
        (with(&chain(200)), Error::StackTooDeep),
        (with(&locals), Error::TooManyLocals),
        (with(&globals), Error::TooManyGlobals),
        (with(&data), Error::TooMuchData),
        (
            with("(func (param v128) i32.const 0 local.get 0 v128.store8_lane offset=65536 0)"),
            Error::LaneStoreOffset,
        ),
        (
            module(&format!(
                r#"(module (memory (export "memory") 0 0) (data (i32.const 0) "x") {step})"#
            )),
            Error::NotInstantiable,
        ),
    ];
    ExtBuilder.build_and_execute(|| {
        for (code, error) in cases {
            assert_noop!(upload(ALICE, code), error);
        }
    });
}

#[test]
fn remove_program_gives_the_deposit_back() {
    ExtBuilder.build_and_execute(|| {
        let hash = uploaded_program(ALICE, 1);
        assert_ok!(remove(ALICE, hash));

        assert_eq!(held(HoldReason::Program, ALICE), 0);
        assert_eq!(Balances::free_balance(ALICE), FUNDS);
        assert_eq!(ProgramCode::<Test>::get(hash), None);
        System::assert_last_event(Event::ProgramRemoved { program: hash }.into());
        assert_noop!(remove(ALICE, hash), Error::<Test>::ProgramNotFound);
    });
}

#[test]
fn remove_program_fails_for_anyone_but_the_owner() {
    ExtBuilder.build_and_execute(|| {
        let hash = uploaded_program(ALICE, 1);
        assert_noop!(remove(BOB, hash), Error::<Test>::NotOwner);
    });
}

#[test]
fn remove_program_fails_until_its_last_version_is_removed() {
    ExtBuilder.build_and_execute(|| {
        let hash = uploaded_program(ALICE, 1);
        let model = created_model(BOB);
        let versions = [
            published(BOB, model, spec(hash)),
            published(BOB, model, spec(hash)),
        ];
        for version in versions {
            assert_noop!(remove(ALICE, hash), Error::<Test>::ProgramInUse);
            assert_ok!(Models::deprecate_version(RuntimeOrigin::signed(BOB), version));
            assert_ok!(Models::remove_version(RuntimeOrigin::signed(BOB), version));
        }
        assert_ok!(remove(ALICE, hash));
    });
}
