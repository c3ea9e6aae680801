//! Models that contradict themselves or ask for too much are refused by name: without a panic, and before they take time or
//! memory.

mod onnx;

use assay_cli::lower::lower;
use assay_cli::onnx::proto::DataType;
use assay_cli::options::Options;
use onnx::{Attribute, Model};

/// Why a model whose node `y` or any other cannot be lowered.
fn refusal(model: Model) -> String {
    match lower(&model.bytes(), &Options::default()) {
        Ok(_) => "none".into(),
        Err(error) => error.to_string(),
    }
}

fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.to_vec())
}

fn bytes(model: Model, name: &str, element: DataType, shape: &[i64]) -> Model {
    let len = shape.iter().product::<i64>() as usize;
    model.tensor(name, element, shape, vec![1; len])
}

fn zeros(model: Model, name: &str, shape: &[i64]) -> Model {
    let len = shape.iter().product::<i64>() as usize;
    model.floats(name, shape, &vec![0.0; len])
}

fn check(cases: Vec<(Model, &str)>) {
    for (model, expected) in cases {
        let refusal = refusal(model);
        assert!(refusal.contains(expected), "`{refusal}` and not `{expected}`");
    }
}

#[test]
fn tensors_without_elements_are_refused() {
    let nothing = "without elements";
    let x = |shape: &[i64]| Model::of(shape);
    let split = |shape: &[i64], axis| {
        x(shape)
            .integers("s", &[0, 2])
            .node_split("x", "s", ["a", "b"], axis)
    };
    check(vec![
        (
            zeros(zeros(x(&[2]), "a", &[2, 0]), "b", &[0, 3]).node("MatMul", &["a", "b"], "y"),
            nothing,
        ),
        (
            zeros(x(&[2]), "a", &[0, 3, 2]).node_with("LRN", &["a"], "y", &[("size", Attribute::Int(3))]),
            nothing,
        ),
        (
            zeros(x(&[2]), "a", &[2, 0])
                .integers("i", &[0])
                .node("GatherND", &["a", "i"], "y"),
            nothing,
        ),
        (
            zeros(x(&[2]), "a", &[1, 1, 0]).node_with(
                "MaxPool",
                &["a"],
                "y",
                &[
                    ("kernel_shape", ints(&[1])),
                    ("auto_pad", Attribute::Text("SAME_UPPER")),
                ],
            ),
            nothing,
        ),
        (
            zeros(x(&[1, 1, 2]), "w", &[1, 1, 0]).node("ConvTranspose", &["x", "w"], "y"),
            nothing,
        ),
        (split(&[2], 0).node("ReduceSum", &["a"], "y"), nothing),
        (
            zeros(split(&[2, 2], 1), "w", &[0, 3]).node("MatMul", &["a", "w"], "y"),
            nothing,
        ),
        (
            x(&[3]).integers("s", &[0]).node("Expand", &["x", "s"], "y"),
            "does not broadcast",
        ),
    ]);
}

#[test]
fn operands_of_the_wrong_shape_are_refused() {
    let x = |shape: &[i64]| Model::of(shape);
    let one_hot = |shape: &[i64]| {
        zeros(x(&[2]).integers("i", &[0]).integers("d", &[2]), "v", shape).node(
            "OneHot",
            &["i", "d", "v"],
            "y",
        )
    };
    let lstm = |weights: &[i64], extra: (&str, &[i64]), inputs: &[&str], direction| {
        let model = zeros(zeros(x(&[1, 1, 1]), "W", weights), "R", &[1, 4, 1]);
        let attributes = [
            ("hidden_size", Attribute::Int(1)),
            ("direction", Attribute::Text(direction)),
        ];
        zeros(model, extra.0, extra.1).node_with("LSTM", inputs, "y", &attributes)
    };
    let plain = ["x", "W", "R"];
    let levels = |shape: &[i64]| {
        x(shape)
            .floats("s", &[], &[1.0])
            .tensor("z", DataType::Uint8, &[], vec![0])
            .node("QuantizeLinear", &["x", "s", "z"], "q")
    };
    check(vec![
        (one_hot(&[]), "the shape of its values is [], not [2]"),
        (one_hot(&[1]), "the shape of its values is [1], not [2]"),
        (
            x(&[4])
                .integers("s", &[2, 2])
                .integers("e", &[4, 4])
                .integers("a", &[0, 0])
                .node("Slice", &["x", "s", "e", "a"], "y"),
            "its axis 0 is there twice",
        ),
        (
            zeros(x(&[2]), "e", &[0, 1, 1]).node_with(
                "Concat",
                &["e", "x", "x"],
                "y",
                &[("axis", Attribute::Int(2))],
            ),
            "has no axis 2",
        ),
        (
            lstm(&[4, 1], ("h", &[1]), &plain, "forward"),
            "the shape of its weights is [4, 1], not [1, 4, 1]",
        ),
        (
            lstm(&[1, 4, 1], ("h", &[1]), &plain, "bidirectional"),
            "the shape of its weights is [1, 4, 1], not [2, 4, 1]",
        ),
        (
            lstm(&[1, 4, 1], ("h", &[]), &["x", "W", "R", "", "", "h"], "forward"),
            "the shape of its initial state is [], not [1, 1, 1]",
        ),
        (
            lstm(
                &[1, 4, 1],
                ("p", &[1, 1]),
                &["x", "W", "R", "", "", "", "", "p"],
                "forward",
            ),
            "the shape of its peepholes is [1, 1], not [1, 3]",
        ),
        (
            bytes(
                bytes(levels(&[2, 3]), "w", DataType::Int8, &[3, 3]),
                "wz",
                DataType::Int8,
                &[2],
            )
            .node("QLinearMatMul", &["q", "s", "z", "w", "s", "wz", "s", "z"], "y"),
            "its 2 zero points are neither one nor one for each of 3",
        ),
        (
            bytes(
                bytes(levels(&[1, 1, 2, 2]), "w", DataType::Int8, &[2, 1, 1, 1]),
                "wz",
                DataType::Int8,
                &[3],
            )
            .node("ConvInteger", &["q", "w", "z", "wz"], "y"),
            "its 3 zero points are neither one nor one for each of 2",
        ),
        (
            zeros(zeros(x(&[1, 1, 2, 2]), "w", &[2, 1, 1, 1]), "b", &[1]).node("Conv", &["x", "w", "b"], "y"),
            "the shape of its bias is [1], not [2]",
        ),
        (
            x(&[2])
                .integers("p", &[-i64::MAX, -i64::MAX])
                .node("Pad", &["x", "p"], "y"),
            "is no length",
        ),
    ]);
}

#[test]
fn what_asks_for_too_much_is_refused_at_once() {
    const MANY: i64 = (1 << 31) - 1;
    let x = |shape: &[i64]| Model::of(shape);
    let wide = |shape: &[i64]| x(&[1]).integers("s", shape).node("Expand", &["x", "s"], "e");
    check(vec![
        (
            x(&[1]).integers("p", &[0, MANY]).node_with(
                "Pad",
                &["x", "p"],
                "y",
                &[("mode", Attribute::Text("wrap"))],
            ),
            "a padding by 2147483647 copies",
        ),
        (
            x(&[2]).node_with("Split", &["x"], "y", &[("num_outputs", Attribute::Int(MANY))]),
            "it has 1 outputs",
        ),
        (
            zeros(x(&[2]).integers("i", &[0]).integers("d", &[MANY]), "v", &[2]).node(
                "OneHot",
                &["i", "d", "v"],
                "y",
            ),
            "too much memory",
        ),
        (
            x(&[3])
                .integers("s", &[MANY])
                .node("Resize", &["x", "", "", "s"], "y"),
            "too much memory",
        ),
        (wide(&[MANY, 1]).node("Trilu", &["e"], "y"), "too much memory"),
        (wide(&[MANY]).node("Dropout", &["e"], "y"), "too much memory"),
        (
            zeros(wide(&[1 << 29, 1, 1, 1]), "w", &[1, 1, 1, 1])
                .node("Conv", &["e", "w"], "c")
                .node("ReduceMax", &["c"], "y"),
            "more than 4194304 steps",
        ),
        (
            zeros(zeros(wide(&[1 << 29, 1, 1]), "W", &[1, 1, 1]), "R", &[1, 1, 1]).node_with(
                "RNN",
                &["e", "W", "R"],
                "y",
                &[("hidden_size", Attribute::Int(1))],
            ),
            "operators is not supported",
        ),
        (
            wide(&[65536, 65536, 65536, 65536]).node("ReduceSum", &["e"], "y"),
            "too much memory",
        ),
    ]);
}

/// One tree over two features: nodes by their modes, what they lead to, and the nodes and targets of weights.
fn tree(modes: &[&'static str], yes: &[i64], no: &[i64], feature: i64, weights: &[(i64, i64)]) -> Model {
    let count = modes.len();
    let all = |value: i64| ints(&vec![value; count]);
    let attributes = [
        ("nodes_treeids", all(0)),
        ("nodes_nodeids", ints(&(0..count as i64).collect::<Vec<_>>())),
        ("nodes_modes", Attribute::Texts(modes.to_vec())),
        ("nodes_featureids", all(feature)),
        ("nodes_values", Attribute::Floats(vec![0.5; count])),
        ("nodes_truenodeids", ints(yes)),
        ("nodes_falsenodeids", ints(no)),
        ("target_treeids", ints(&vec![0; weights.len()])),
        (
            "target_nodeids",
            ints(&weights.iter().map(|weight| weight.0).collect::<Vec<_>>()),
        ),
        (
            "target_ids",
            ints(&weights.iter().map(|weight| weight.1).collect::<Vec<_>>()),
        ),
        ("target_weights", Attribute::Floats(vec![1.0; weights.len()])),
        ("n_targets", Attribute::Int(1)),
    ];
    Model::of(&[1, 2])
        .node_with("TreeEnsembleRegressor", &["x"], "y", &attributes)
        .of_domain("ai.onnx.ml")
}

#[test]
fn what_is_no_tree_is_refused() {
    const BRANCH: &str = "BRANCH_LEQ";
    const LEAF: &str = "LEAF";
    let one = [(1, 0)];
    check(vec![
        (
            tree(&[BRANCH, LEAF, LEAF], &[1, 0, 0], &[2, 0, 0], 1, &one),
            "none",
        ),
        (
            tree(&[BRANCH, BRANCH, LEAF], &[1, 0, 0], &[2, 2, 0], 1, &one),
            "tree 0 has no root",
        ),
        (
            tree(&[BRANCH, LEAF, LEAF], &[1, 0, 0], &[1, 0, 0], 1, &one),
            "tree 0 has several roots",
        ),
        (
            tree(&[BRANCH, LEAF], &[1, 0], &[1, 0], 1, &one),
            "several nodes lead to node 1",
        ),
        (
            tree(&[LEAF, BRANCH, BRANCH], &[0, 2, 1], &[0, 2, 1], 1, &[(0, 0)]),
            "nothing leads to node 1 of tree 0",
        ),
        (
            tree(&[BRANCH, LEAF, LEAF], &[1, 0, 0], &[9, 0, 0], 1, &one),
            "leads to 9, which is not there",
        ),
        (
            tree(&[BRANCH, LEAF, LEAF], &[1, 0, 0], &[2, 0, 0], 2, &one),
            "no feature 2 of 2",
        ),
        (
            tree(&["BRANCH_X", LEAF, LEAF], &[1, 0, 0], &[2, 0, 0], 1, &one),
            "the mode `BRANCH_X`",
        ),
        (
            tree(&[BRANCH, LEAF, LEAF], &[1, 0, 0], &[2, 0, 0], 1, &[(7, 0)]),
            "weights of node 7",
        ),
        (
            tree(&[BRANCH, LEAF, LEAF], &[1, 0, 0], &[2, 0, 0], 1, &[(1, 3)]),
            "no target 3 of 1",
        ),
        (
            tree(&[BRANCH, LEAF, LEAF], &[1, 0], &[2, 0], 1, &one),
            "not equally long",
        ),
    ]);
}
