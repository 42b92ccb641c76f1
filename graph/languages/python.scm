; Definitions first: a capture's name is the kind of symbol. After the marker line: what the file refers to.
(class_definition name: (identifier) @name) @class
(function_definition name: (identifier) @name) @function
(module (expression_statement (assignment left: (identifier) @name) @constant (#match? @name "^[A-Z][A-Z0-9_]+$")))

;; references
[(import_statement) (import_from_statement)] @import
(call function: [(identifier) @call (attribute attribute: (identifier) @call)])
(class_definition superclasses: (argument_list [(identifier) @base (attribute attribute: (identifier) @base)]))
(comment) @comment
(string_content) @string
