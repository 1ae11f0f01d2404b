# ruff: noqa: E501
"""Why the linter refuses: one row a rule, in words an author knows, in English and in Chinese.

A message is `<what> is not allowed: <why>. <what to write instead>.` `{}` stands for the name in
question. Receipts carry the code; a code is never given another meaning.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """Texts of one rule; the code is its key in RULES."""

    what: str
    why: str
    instead: str
    what_zh: str
    why_zh: str
    instead_zh: str

    def message(self, subject: str = "") -> str:
        return f"{self.what.format(subject)} is not allowed: {self.why}. {self.instead.format(subject)}."

    def message_zh(self, subject: str = "") -> str:
        return f"不允许{self.what_zh.format(subject)}:{self.why_zh}。{self.instead_zh}。"


_SAME = "nothing outside the bundle and the SDK is the same on every node"
_SAME_ZH = "合约包与 SDK 之外的一切在各节点上并不相同"
_REACH = "it reaches into the interpreter"
_REACH_ZH = "它会触及解释器内部"
_SURFACE = "it has no safe price"
_SURFACE_ZH = "它无法安全计费"

RULES: dict[str, Rule] = {
    # sources
    "CT001": Rule("a module larger than 64 KiB, or a bundle larger than 96 KiB{}", "the modules of a bundle"
                  " share one limit", "Split the contract", "超过 64 KiB 的模块或超过 96 KiB 的合约包{}",
                  "合约包的各模块共用一个上限", "请拆分合约"),
    "CT002": Rule("this character", "sources are text with line feeds and no NUL",
                  "Save the file as plain UTF-8 with \\n line ends", "此字符",
                  "源码须为以换行符结尾且不含 NUL 的文本", "请以 UTF-8 和 \\n 换行保存"),
    "CT003": Rule("a bracket nested more than 40 deep", "no parser limit may decide",
                  "Name the inner parts first", "超过 40 层的括号嵌套", "不得由解析器的上限来裁决",
                  "请先为内层部分命名"),
    "CT004": Rule("a run of more than 16 unary operators", "no parser limit may decide",
                  "Write it once", "连续超过 16 个一元运算符", "不得由解析器的上限来裁决", "请只写一次"),
    "CT005": Rule("indentation beyond 80 columns", "no parser limit may decide",
                  "Move the inner part to a function", "超过 80 列的缩进", "不得由解析器的上限来裁决",
                  "请把内层移到函数中"),
    "CT006": Rule("this text", "it cannot be read as Python 3.14", "Correct the syntax here",
                  "此处文本", "无法按 Python 3.14 读取", "请在此处更正语法"),
    "CT007": Rule("a construct nested more than 60 deep", "no interpreter limit may decide",
                  "Move the inner part to a function", "超过 60 层的语法嵌套", "不得由解释器的上限来裁决",
                  "请把内层移到函数中"),
    "CT008": Rule("the module name {}", "a module is called like a Python name and stands in the"
                  " bundle once", "Use lower-case letters, digits and _", "模块名 {}",
                  "模块名须为 Python 名称且唯一", "请使用小写字母、数字与下划线"),
    # imports
    "CT101": Rule("importing {}", _SAME, "Import from sdk, or from a rules module or a chapter of the"
                  " bundle", "导入 {}", _SAME_ZH, "请从 sdk 或合约包内的 rules 模块、chapters 章节导入"),
    "CT102": Rule("importing the name {}", "the module does not offer it",
                  "Look at the list of the SDK or of the module", "导入名称 {}", "该模块不提供它",
                  "请查看 SDK 或该模块的名称表"),
    "CT103": Rule("an import here", "imports stand at the head of the module",
                  "Move it to the module's first lines", "在此处导入", "导入须位于模块开头", "请移到模块开头"),
    "CT104": Rule("a circle of modules through {}", "modules load one after another",
                  "Move the shared part to a third module", "经由 {} 的循环导入", "模块须依次加载",
                  "请把共用部分移到第三个模块"),
    "CT105": Rule("a second class {} in the bundle", "values are stored under the names of their classes",
                  "Choose another name", "合约包中的第二个类 {}", "值按类名存储", "请另选名称"),
    # names
    "CT201": Rule("the name {}", "names that begin with __ or _pl_ belong to the interpreter and the"
                  " runtime", "Choose another name", "名称 {}", "以 __ 或 _pl_ 开头的名称属于解释器与运行时",
                  "请另选名称"),
    "CT202": Rule("the name {}", "names are ASCII, so that no two look alike", "Use letters a to z",
                  "名称 {}", "名称须为 ASCII,以免形似", "请使用英文字母"),
    "CT203": Rule("the unknown name {}", "it is no local, no module name, no built-in and not imported"
                  " from sdk", "Check the spelling or import it", "未知名称 {}",
                  "它既非局部名、模块名、内置名,也未从 sdk 导入", "请检查拼写或导入它"),
    "CT204": Rule("giving {} a new meaning", "the runtime meters it under this name",
                  "Choose another name", "重新定义 {}", "运行时按此名称计量", "请另选名称"),
    # attributes
    "CT301": Rule("the attribute {}", _REACH, "Use fields and methods that a class of the contract"
                  " declares", "属性 {}", _REACH_ZH, "请使用合约类声明的字段与方法"),
    "CT302": Rule("the private attribute {}", "names that begin with _ are for self in a class's own"
                  " methods", "Write a method", "私有属性 {}", "以 _ 开头的名称只可用于类自身方法中的 self",
                  "请写一个方法"),
    "CT303": Rule("the method {} without a call", "a bound method escapes the meter",
                  "Call it, or wrap it in a lambda", "不调用而引用方法 {}", "绑定方法会逃脱计量",
                  "请直接调用,或用 lambda 包裹"),
    "CT304": Rule("an attribute as a target here", "attributes are set by a plain assignment to"
                  " name.attribute", "Assign to a name first, then object.field = name",
                  "在此以属性为赋值目标", "属性只能以 名称.属性 的普通赋值设置", "请先赋给名称,再写 对象.字段 = 名称"),
    "CT305": Rule("the formatting method {}", _REACH, "Use an f-string", "格式化方法 {}", _REACH_ZH,
                  "请使用 f 字符串"),
    # numbers and constants
    "CT401": Rule("a decimal number", "its last digits differ between machines",
                  'Write Decimal("1.5") or count in cents', "浮点数", "其末位在不同机器上不同",
                  '请写 Decimal("1.5") 或以分计数'),
    "CT402": Rule("a complex number", "its digits differ between machines", "Use integers or Decimal",
                  "复数", "其数位在不同机器上不同", "请使用整数或 Decimal"),
    "CT403": Rule("an integer of more than 256 bits", "integers end at 2**256", "Use a smaller number",
                  "超过 256 位的整数", "整数上限为 2**256", "请使用更小的数"),
    "CT404": Rule("this constant", "constants are int, text, bytes, True, False and None",
                  "Use one of these", "此常量", "常量只能是整数、文本、字节、True、False、None",
                  "请使用其中之一"),
    "CT405": Rule("this format specification", "it is a constant: alignment, sign, width below 1000,"
                  " precision, and one of b d o x X n f s % e E", "Write a plain one", "此格式说明",
                  "格式说明须为常量:对齐、符号、小于 1000 的宽度、精度与类型", "请写简单的格式说明"),
    # statements and expressions
    "CT501": Rule("{}", _SURFACE, "Use the plain statements and expressions of the language page",
                  "{}", _SURFACE_ZH, "请使用语言说明页中的普通语句与表达式"),
    "CT502": Rule("a generator", "lazy objects escape the meter", "Return a list", "生成器",
                  "惰性对象会逃脱计量", "请返回列表"),
    "CT503": Rule("async code", "a transaction is one call", "Write a plain function", "异步代码",
                  "一笔交易是一次调用", "请写普通函数"),
    "CT504": Rule("global or nonlocal", "nothing outlives a transaction but state",
                  "Return the value, or keep it in a Map or Var", "global 或 nonlocal",
                  "除状态外没有什么能活过一笔交易", "请返回该值,或存入 Map 或 Var"),
    "CT505": Rule("except without a type", "it hides the verdict of the meter",
                  "Write except Exception", "不带类型的 except", "它会掩盖计量的裁决", "请写 except Exception"),
    "CT506": Rule("this exception type", "only names of listed exceptions and of contract classes are",
                  "Name the exception class", "此异常类型", "只能写列出的异常名或合约异常类名", "请写异常类名"),
    "CT507": Rule("raise … from", "causes are not kept", "Raise the exception alone", "raise … from",
                  "不保留异常原因", "请只抛出异常本身"),
    "CT508": Rule("{} in finally", "it hides the verdict of the meter", "Move it out of finally",
                  "在 finally 中使用 {}", "它会掩盖计量的裁决", "请移出 finally"),
    "CT509": Rule("is between values", "identity differs between interpreters",
                  "Use ==; is only with None, True, False", "对值使用 is", "对象身份因解释器而异",
                  "请用 ==;is 只用于 None、True、False"),
    "CT510": Rule("writing to a slice", _SURFACE, "Assign items one by one or build a new list",
                  "对切片赋值", _SURFACE_ZH, "请逐项赋值或新建列表"),
    "CT511": Rule("** in a call or a display", _SURFACE, "Name the arguments, or use update",
                  "在调用或字面量中使用 **", _SURFACE_ZH, "请逐个写出参数,或使用 update"),
    "CT512": Rule("super in this form", "only super().method(…) is", "Call super().method(…)",
                  "此种 super 用法", "只允许 super().方法(…)", "请写 super().方法(…)"),
    "CT513": Rule("a starred name in this target", "its list would escape the meter",
                  "Unpack in a statement of its own", "在此目标中使用星号", "其列表会逃脱计量",
                  "请单独用一条语句解包"),
    "CT514": Rule("a computed middle in this comparison", "it cannot be kept for the second half here",
                  "Give it a name first", "在此比较中使用需计算的中间项", "此处无法为后半段保留其值",
                  "请先为其命名"),
    # declarations
    "CT601": Rule("this statement at module level", "a module holds imports, constants, constant"
                  " tuples, state objects, classes and functions", "Move it into a function",
                  "在模块层使用此语句", "模块只含导入、常量、常量元组、状态对象、类与函数", "请移入函数"),
    "CT602": Rule("a default that can change or is computed", "calls would share it",
                  "Use None and set it inside, or a constant", "可变或需计算的默认值", "各次调用会共享它",
                  "请用 None 并在函数内设置,或用常量"),
    "CT603": Rule("this decorator", "only export, view, staticmethod, classmethod, property and"
                  " dataclass are", "Leave it out", "此装饰器",
                  "只允许 export、view、staticmethod、classmethod、property 与 dataclass", "请去掉它"),
    "CT604": Rule("the special method {}", "the runtime gives its meaning", "Use one of the listed ones",
                  "特殊方法 {}", "其含义由运行时给定", "请使用列出的特殊方法"),
    "CT605": Rule("a class keyword", _REACH, "Leave it out", "类关键字参数", _REACH_ZH, "请去掉它"),
    "CT606": Rule("this base class", "bases are names of contract classes and listed exceptions",
                  "Inherit from one of these", "此基类", "基类只能是合约类名与列出的异常名", "请继承其中之一"),
    "CT607": Rule("this statement in a class", "a class holds fields with constant values and methods",
                  "Move it to a method", "在类中使用此语句", "类只含常量字段与方法", "请移到方法中"),
    "CT608": Rule("this dataclass option", "only frozen, order, eq and kw_only with True or False are",
                  "Leave it out", "此 dataclass 选项", "只允许 frozen、order、eq、kw_only 配 True 或 False",
                  "请去掉它"),
    "CT609": Rule("the parameter {} without a type hint", "arguments of @export and @view methods are"
                  " converted by their hints", "Write {}: int, str, bool, bytes, Decimal, list[…],"
                  " dict[str, …], a dataclass, or one of these | None", "参数 {} 缺少类型标注",
                  "@export 与 @view 方法的参数按标注转换", "请写明类型"),
    "CT610": Rule("this type hint", "arguments are int, str, bool, bytes, Decimal, list, tuple, dict with"
                  " text keys, a dataclass of the contract, or one of these | None", "Use one of these",
                  "此类型标注", "参数只能是 int、str、bool、bytes、Decimal、list、tuple、文本键 dict、合约 dataclass"
                  " 或其 | None", "请使用其中之一"),
    "CT611": Rule("variable arguments on an exported method", "a caller names every argument",
                  "List the parameters", "在导出方法上使用可变参数", "调用方须逐个指名参数", "请列出参数"),
    "CT612": Rule("type parameters", "types are not checked at run time", "Leave them out", "类型参数",
                  "运行时不检查类型", "请去掉它"),
    "CT613": Rule("a second meaning for {}", "an exported method, class or constant has one definition",
                  "Choose another name", "对 {} 的第二次定义", "导出的方法、类与常量只有一个定义", "请另选名称"),
    "CT614": Rule("this declaration", "the module fails while it is set up", "Check default values,"
                  " the order of fields and the arguments of Map, Var, Event and Decimal", "此声明",
                  "模块在初始化时失败", "请检查默认值、字段顺序及 Map、Var、Event、Decimal 的参数"),
    "CT615": Rule("the exported method {} of a chapter that the main module does not name", "the main module"
                  " is the contract's table of contents", "Import {} in the main module, or leave the"
                  " decorator out", "主模块未列出的章节导出方法 {}", "主模块是合约的目录",
                  "请在主模块中导入它,或去掉装饰器"),
}  # fmt: skip


class NamedRule(NamedTuple):
    """A rule with its code, for tools that show one."""

    code: str
    what: str
    why: str
    instead: str
    what_zh: str
    why_zh: str
    instead_zh: str


def find_rule(code: str) -> NamedRule | None:
    """The rule of a code such as `CT401`, or None."""
    rule = RULES.get(code)
    return None if rule is None else NamedRule(code, *rule)
